"""Units of work: each belongs to one organization or to the system, and to nobody before it says so."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, connections, transaction

from config.kernel.ids import new_id
from config.kernel.tenancy import (
    NoOrganizationContext,
    current_organization_id,
    organization_context,
    system_context,
)
from emails.models import EmailLog
from licenses.models import Activation, License, LicenseSession, SignedFile
from organizations.models import DataKey, Membership, Organization
from subscriptions.models import CheckoutSession, Subscription
from tests import journey
from users.models import AuditEntry

pytestmark = pytest.mark.usefixtures("db")

TENANT_OWNED = (Organization, Membership, DataKey, Subscription, CheckoutSession, License, Activation, LicenseSession,
                SignedFile, EmailLog, AuditEntry)  # fmt: skip


@pytest.fixture
def ids(db: None) -> tuple[UUID, UUID]:
    """Return the ids of two organizations."""
    return UUID(journey.sign_up().organization_id), UUID(journey.sign_up().organization_id)


def seen() -> list[UUID]:
    """Return the organizations that PostgreSQL shows now, asked past the manager."""
    with connection.cursor() as cursor:
        cursor.execute("select id from organizations_organization order by id")
        return [row[0] for row in cursor.fetchall()]


class TestTenantManager:
    @pytest.mark.parametrize("model", TENANT_OWNED, ids=lambda model: model.__name__)
    def test_raises_without_a_context(self, model: type[Organization]) -> None:
        for ask in (
            model.objects.all,
            model.objects.count,
            model.objects.first,
            lambda: model.objects.filter(pk=new_id()),
        ):
            with pytest.raises(NoOrganizationContext, match=model.__name__):
                ask()
        with pytest.raises(NoOrganizationContext):
            current_organization_id()

    def test_raises_again_after_a_context(self, ids: tuple[UUID, UUID]) -> None:
        with organization_context(ids[0]):
            assert Organization.objects.get().id == ids[0]
        with pytest.raises(NoOrganizationContext):
            Organization.objects.count()


class TestOrganizationContext:
    def test_shows_one_organization_and_nothing_before_or_after(self, ids: tuple[UUID, UUID]) -> None:
        assert seen() == []
        for one in ids:
            with organization_context(one):
                assert seen() == [one]
            assert seen() == []

    def test_ends_with_its_block_also_inside_a_longer_transaction(self, ids: tuple[UUID, UUID]) -> None:
        with transaction.atomic():
            with organization_context(ids[0]):
                assert seen() == [ids[0]]
            assert seen() == []
            with organization_context(ids[1]):
                assert seen() == [ids[1]]
            with pytest.raises(ValueError, match="taken back"), organization_context(ids[0]):
                raise ValueError("taken back")
            assert seen() == []

    def test_ends_with_its_block_also_when_postgresql_refused_something(self, ids: tuple[UUID, UUID]) -> None:
        with transaction.atomic():
            with pytest.raises(DatabaseError), organization_context(ids[0]), connection.cursor() as cursor:
                cursor.execute("select 1/0")
            assert seen() == []

    def test_nested_for_the_same_organization_is_one_unit_of_work_that_fails_as_a_whole(
        self, ids: tuple[UUID, UUID]
    ) -> None:
        with organization_context(ids[0]):
            with organization_context(ids[0]):
                assert seen() == [ids[0]]
            assert seen() == [ids[0]]
        with organization_context(ids[0]):
            Organization.objects.update(name="outer")
            with contextlib.suppress(ValueError), organization_context(ids[0]):
                raise ValueError
        with organization_context(ids[0]):
            assert Organization.objects.get().name == "Analytical Engines"

    def test_does_not_nest_for_another(self, ids: tuple[UUID, UUID]) -> None:
        with organization_context(ids[0]):
            with pytest.raises(RuntimeError, match="already working"), organization_context(ids[1]):
                pytest.fail("entered")
            with pytest.raises(RuntimeError, match="does not open"), system_context(reason="test"):
                pytest.fail("entered")
            assert seen() == [ids[0]]

    def test_is_not_seen_by_another_thread(self, ids: tuple[UUID, UUID]) -> None:
        def other() -> list[UUID]:
            try:
                with pytest.raises(NoOrganizationContext):
                    Organization.objects.count()
                return seen()
            finally:
                connections.close_all()

        with organization_context(ids[0]), ThreadPoolExecutor(1) as pool:
            assert pool.submit(other).result() == []

    def test_writes_to_another_organization_are_refused(self, ids: tuple[UUID, UUID]) -> None:
        with pytest.raises(DatabaseError, match="row-level security"), organization_context(ids[0]):
            Membership.objects.update(organization_id=ids[1])


class TestSystemContext:
    def test_sees_every_organization_and_only_inside_its_block(self, ids: tuple[UUID, UUID]) -> None:
        with system_context(reason="test"):
            assert {one.id for one in Organization.objects.all()} == set(ids)
        with pytest.raises(NoOrganizationContext):
            Organization.objects.count()

    def test_lets_no_organization_be_entered_from_within(self, ids: tuple[UUID, UUID]) -> None:
        with system_context(reason="test"), pytest.raises(RuntimeError, match="the whole system"):
            organization_context(ids[0]).__enter__()
