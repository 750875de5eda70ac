"""Sealers that meet, and entries that are still being written while others are sealed."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
from django.db import transaction

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from tests.audit_trail import append, let_others_finish, places, seal, verify
from tests.concurrency.seated_license import owner_connection
from tests.concurrency.together import at_once, on_its_own_connection, wait_until_stuck
from tests.jobs import as_role
from tests.plugins import servers
from users.services import audit_sealing

pytestmark = pytest.mark.usefixtures("db")


class TestTwoSealersOfOneChain:
    def test_leave_it_to_the_first(self) -> None:
        """The second does not wait: it would find nothing left to do."""
        ada = new_id()
        append(ada, 3)
        let_others_finish()
        with (
            as_role("worker"),
            ThreadPoolExecutor(1) as pool,
            owner_connection() as onlooker,
            owner_connection() as owner,
        ):
            with owner.transaction():
                owner.execute("lock table users_auditseal in share mode")
                first = pool.submit(on_its_own_connection(lambda: audit_sealing.seal(organization_id=ada)))
                wait_until_stuck(onlooker, count=1)
                assert audit_sealing.seal(organization_id=ada) == 0
            assert first.result() == 3
        assert [sequence for sequence, _ in places(ada)] == [1, 2, 3]

    def test_never_fork_it(self) -> None:
        """Each round many sealers and writers start at once; whoever seals, each entry has one place, without gaps."""
        owners: list[UUID | None] = [None, new_id(), new_id()]

        def write_and_seal() -> int:
            for owner in owners:
                append(owner, 3)
            return audit_sealing.seal_all()

        with as_role("worker"):
            sealed = sum(sum(at_once([write_and_seal] * 8)) for _ in range(3))
        sealed += seal()
        assert sealed == 3 * 8 * 3 * 3
        for owner in owners:
            assert [sequence for sequence, _ in places(owner)] == list(range(1, 3 * 8 * 3 + 1))
        assert verify() == []


class TestEntryThatCommitsLate:
    def test_is_sealed_in_the_order_of_its_transaction_and_holds_up_what_came_after_it(self) -> None:
        ada = new_id()
        with psycopg.connect(servers.current().postgres.url("app")) as late:
            late.execute("select set_config('app.organization_id', %s, true)", [str(ada)])
            slow = new_id()
            late.execute(
                "insert into users_auditentry (id, organization_id, action, object_type, data, request_id, occurred_at)"
                " values (%s, %s, 'SLOW', 'thing', '{}', '', clock_timestamp())",
                [slow, ada],
            )
            append(ada, 2)
            assert seal(amid=True) == 0, "what goes on might yet come before them"
            late.commit()
        assert seal() == 3
        assert places(ada)[0] == (1, slow)
        assert verify() == []

    def test_of_a_transaction_that_is_rolled_back_leaves_no_gap(self) -> None:
        ada = new_id()
        append(ada)
        with organization_context(ada):
            append(ada)
            transaction.set_rollback(True)
        append(ada)
        assert seal() == 2
        assert [sequence for sequence, _ in places(ada)] == [1, 2]

    def test_by_a_savepoint_is_no_earlier_than_the_whole(self) -> None:
        ada = new_id()
        with organization_context(ada):
            with transaction.atomic():
                append(ada)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(on_its_own_connection(lambda: append(ada))).result()
                assert pool.submit(on_its_own_connection(lambda: seal(amid=True))).result() == 0
        assert seal() == 2
