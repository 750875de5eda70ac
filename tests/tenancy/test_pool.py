"""What one request says about its organization, the next on the same pooled connection does not hear."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from config.kernel.database import connection_settings
from config.kernel.tenancy import NoOrganizationContext, current_organization_id, organization_context
from organizations.models import Organization
from tests import journey
from tests.plugins import servers
from tests.tenancy.shared import connected, interleave, look

pytestmark = pytest.mark.usefixtures("db")

ONE = {"min_size": 1, "max_size": 1, "timeout": 20}


@pytest.fixture
def ids(db: None) -> tuple[UUID, UUID]:
    """Return the ids of two organizations."""
    return UUID(journey.sign_up().organization_id), UUID(journey.sign_up().organization_id)


@pytest.fixture
def process(ids: tuple[UUID, UUID]) -> Iterator[int]:
    """Connect through a pool of one connection; return the server process behind it."""
    with connected(OPTIONS={"pool": ONE}):
        yield look()[0]


def end_of_request() -> None:
    """Give the connection back to the pool, as Django does when a request is over."""
    connection.close()


class TestPool:
    def test_hands_on_a_connection_that_shows_nothing(self, ids: tuple[UUID, UUID], process: int) -> None:
        for one in ids:
            with organization_context(one):
                assert look() == (process, [one])
            end_of_request()
            assert look() == (process, [])
            end_of_request()

    def test_hands_on_nothing_after_a_failure(self, ids: tuple[UUID, UUID], process: int) -> None:
        with pytest.raises(DatabaseError), organization_context(ids[0]), connection.cursor() as cursor:
            cursor.execute("select 1/0")
        assert look() == (process, [])
        with pytest.raises(ZeroDivisionError), organization_context(ids[0]):
            raise ZeroDivisionError
        end_of_request()
        assert look() == (process, [])

    def test_hands_on_nothing_when_a_savepoint_was_rolled_back(self, ids: tuple[UUID, UUID], process: int) -> None:
        with transaction.atomic():
            with organization_context(ids[0]):
                with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("select 1/0")
                assert look() == (process, [ids[0]])
            assert look() == (process, [])
        end_of_request()
        assert look() == (process, [])

    @pytest.mark.filterwarnings("ignore:.*rolling back returned connection")
    def test_hands_on_nothing_when_a_unit_of_work_was_torn_off(self, ids: tuple[UUID, UUID], process: int) -> None:
        def die() -> None:
            unit = organization_context(ids[0])
            unit.__enter__()
            assert look() == (process, [ids[0]])
            end_of_request()

        end_of_request()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(die).result()
        assert look() == (process, [])

    def test_shows_each_of_many_threads_its_own(self, ids: tuple[UUID, UUID], process: int) -> None:
        end_of_request()
        assert interleave(ids, threads=4, transactions=100) == {process}


class TestGenerator:
    def test_holds_its_organization_as_long_as_it_is_open(self, ids: tuple[UUID, UUID]) -> None:
        def names() -> Iterator[str]:
            with organization_context(ids[0]):
                for one in Organization.objects.all():
                    yield one.name

        reading = names()
        assert next(reading) == "Analytical Engines"
        with pytest.raises(RuntimeError, match="already working"), organization_context(ids[1]):
            pytest.fail("entered")
        reading.close()  # type: ignore[attr-defined]  # of a generator
        assert look()[1] == []
        with pytest.raises(NoOrganizationContext):
            current_organization_id()


class TestSettings:
    def test_leave_nothing_on_a_connection_that_a_pooler_would_lose_or_carry_on(self) -> None:
        settings = connection_settings(servers.current().postgres.url("app"), pool_size=2)
        assert settings["DISABLE_SERVER_SIDE_CURSORS"]
        assert settings["CONN_MAX_AGE"] == 0
        assert "prepare_threshold" not in settings["OPTIONS"]
        with connected(OPTIONS=settings["OPTIONS"]):
            look()
            assert connection.connection.prepare_threshold is None, "a prepared statement is of one server connection"
            with connection.cursor() as cursor:
                cursor.execute("select name from pg_settings where source = 'session' order by 1")
                assert {row[0] for row in cursor.fetchall()} <= {"client_encoding", "application_name"}
