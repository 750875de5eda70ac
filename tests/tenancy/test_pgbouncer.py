"""Two organizations through one server connection of a real pgbouncer in transaction mode.

Opt-in, as it is no wheel. On Debian and Ubuntu, without root:

    apt-get download pgbouncer libc-ares2 && for package in *.deb; do dpkg -x "$package" /tmp/pgbouncer; done
    LD_LIBRARY_PATH=$(echo /tmp/pgbouncer/usr/lib/*-linux-gnu) CODITECT_PGBOUNCER=/tmp/pgbouncer/usr/sbin/pgbouncer \
        ./dev test tests/tenancy/test_pgbouncer.py
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connections, transaction

from config.kernel.tenancy import organization_context
from organizations.models import Organization
from tests.api.issued import licensed
from tests.journey import Licensed, sign_up
from tests.plugins import servers
from tests.tenancy import pgbouncer
from tests.tenancy.shared import EVERYBODY, connected, interleave, look

pytestmark = [
    pytest.mark.usefixtures("db"),
    pytest.mark.skipif(pgbouncer.program() is None, reason="no pgbouncer here; this file says how to get one"),
]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Return where pgbouncer listens."""
    with pgbouncer.before_postgres() as port:
        yield port


@pytest.fixture
def ids(db: None) -> tuple[UUID, UUID]:
    """Return the ids of two organizations."""
    return UUID(sign_up().organization_id), UUID(sign_up().organization_id)


@pytest.fixture
def bounced(port: int) -> Iterator[None]:
    """Connect through pgbouncer."""
    with connected(PORT=str(port)):
        yield


class TestTransactionMode:
    def test_shares_one_server_connection_and_what_a_session_sets_on_it(
        self, port: int, ids: tuple[UUID, UUID]
    ) -> None:
        url = servers.current().postgres.url("app").replace(f":{servers.current().postgres.port}/", f":{port}/")
        with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as other:
            one.execute("select set_config('app.organization_id', %s, false)", [str(ids[0])])
            told = other.execute(EVERYBODY).fetchone()
            one.execute("select set_config('app.organization_id', '', false)")
            assert told is not None
            assert told[1] == [ids[0]], "this is what we never do, and it would be seen here"

    def test_shows_each_of_many_clients_its_own(self, ids: tuple[UUID, UUID], bounced: None) -> None:
        assert len(interleave(ids, threads=4, transactions=200)) == 1

    def test_writes_what_each_says_to_its_own(self, ids: tuple[UUID, UUID], bounced: None) -> None:
        def rename(number: int) -> None:
            try:
                with organization_context(ids[number % 2]):
                    assert Organization.objects.update(name=f"number {number % 2}") == 1
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(rename, range(100)))
        for number, one in enumerate(ids):
            with organization_context(one):
                assert Organization.objects.get().name == f"number {number}"

    def test_reads_long_lists_without_a_cursor_that_outlives_its_transaction(
        self, ids: tuple[UUID, UUID], bounced: None
    ) -> None:
        with organization_context(ids[0]):
            assert [one.id for one in Organization.objects.iterator(chunk_size=1)] == [ids[0]]
        with transaction.atomic():
            assert look()[1] == []

    def test_serves_requests_of_two_organizations_at_once(self, bounced: None) -> None:
        customers = licensed(), licensed()

        def ask(number: int) -> tuple[Licensed, Any]:
            mine = customers[number % 2]
            try:
                return mine, mine.customer.api.get("/api/v1/licenses").json()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as pool:
            for mine, answer in pool.map(ask, range(200)):
                assert [row["license_key"] for row in answer["results"]] == [mine.license_key]
