"""Whoever finds no seat free is counted once, wherever the refusal was made, and kept once, whoever is killed."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from config.kernel.ids import new_id
from config.kernel.redis import client as redis_client
from config.kernel.tenancy import organization_context
from licenses.errors import LicenseSuspended, NoSeatsAvailable
from licenses.lookup import KeyHolder
from licenses.seats import denials as counters
from licenses.seats import store
from licenses.services import acquiring, daily_usage, denials
from tests.api.beneath import as_owner
from tests.concurrency import seated_license
from tests.concurrency.seated_license import SeatedLicense
from tests.jobs import as_role
from tests.plugins import servers

TODAY = datetime.now(UTC).date()


@pytest.fixture
def license_(db: None) -> SeatedLicense:
    """Return a licence of one seat, which is taken."""
    made = seated_license.issue(seats=1)
    acquire(made, "machine-0001")
    return made


def acquire(license_: SeatedLicense, hardware_id: str) -> None:
    """Take a seat."""
    acquiring.acquire(license_key=license_.key, hardware_id=hardware_id, holder=KeyHolder())


def refuse(license_: SeatedLicense, times: int = 1) -> None:
    """Be refused a seat."""
    for number in range(times):
        with pytest.raises(NoSeatsAvailable):
            acquire(license_, f"stranger-{number:04}")


def told(license_: SeatedLicense) -> int:
    """Return how many denials are told of the last days."""
    with organization_context(license_.organization_id):
        usage = daily_usage.get_usage(
            organization_id=license_.organization_id,
            license_id=license_.id,
            first=TODAY - timedelta(days=1),
            last=TODAY + timedelta(days=1),
        )
    return usage.denials


def kept() -> list[int]:
    """Return what PostgreSQL has of each counter."""
    return [row[0] for row in as_owner("select count from licenses_denialcount order by count")]


def keep() -> None:
    """Keep what the gate has counted, as the worker."""
    with as_role("worker"):
        denials.keep_denials()


class TestCounting:
    def test_by_the_gate(self, license_: SeatedLicense) -> None:
        refuse(license_, 3)
        assert told(license_) == 3

    def test_by_the_gate_when_the_record_had_to_refuse(self, license_: SeatedLicense) -> None:
        redis_client().flushall()
        refuse(license_, 3)
        assert told(license_) == 3

    def test_leaves_out_a_holder_that_only_the_gate_would_refuse(self, license_: SeatedLicense) -> None:
        redis_client().flushall()
        store.reserve(license_id=license_.id, hardware_hash=b"another", limit=1, reservation="stale")
        acquire(license_, "machine-0001")
        assert told(license_) == 0

    def test_leaves_out_refusals_for_another_reason(self, license_: SeatedLicense) -> None:
        license_.change(status="suspended", max_seats=2)
        with pytest.raises(LicenseSuspended):
            acquire(license_, "machine-0002")
        assert told(license_) == 0

    def test_goes_on_in_the_record_while_redis_is_away(self, license_: SeatedLicense) -> None:
        refuse(license_, 2)
        redis = servers.current().redis
        redis.kill()
        try:
            refuse(license_, 3)
            assert told(license_) == 3, "what Redis has counted is out of reach"
        finally:
            redis.start()

    def test_costs_one_key_that_goes_by_itself(self, license_: SeatedLicense) -> None:
        refuse(license_, 2)
        key = f"seats:{{{license_.id}}}:denials"
        assert redis_client().hlen(key) == 2
        assert 8 * 86400 < redis_client().ttl(key) <= 9 * 86400


class TestKeeping:
    def test_any_number_of_times_counts_once(self, license_: SeatedLicense) -> None:
        refuse(license_, 3)
        for _ in range(3):
            keep()
        assert kept() == [3]
        refuse(license_, 2)
        assert told(license_) == 5
        keep()
        assert kept() == [told(license_)] == [5]

    def test_by_one_who_was_late_takes_nothing_back(self, license_: SeatedLicense) -> None:
        refuse(license_, 2)
        late = counters.read([license_.id])
        refuse(license_, 1)
        keep()
        with organization_context(license_.organization_id):
            counters.keep(organization_id=license_.organization_id, counts=late)
        assert kept() == [3]

    def test_adds_what_a_new_redis_counts_to_what_the_lost_one_had(self, license_: SeatedLicense) -> None:
        refuse(license_, 3)
        keep()
        redis_client().flushall()
        refuse(license_, 2)
        keep()
        assert kept() == [2, 3]
        assert told(license_) == 5

    def test_doubles_nothing_that_an_older_redis_tells_again(self, license_: SeatedLicense) -> None:
        refuse(license_, 2)
        key = f"seats:{{{license_.id}}}:denials"
        old = redis_client().dump(key)
        assert old is not None
        refuse(license_, 3)
        keep()
        redis_client().restore(key, 0, old, replace=True)
        refuse(license_, 1)
        keep()
        assert told(license_) == 5, "one is hidden until the older Redis has caught up"

    def test_forgets_in_redis_only_days_that_are_over_and_kept(self, license_: SeatedLicense) -> None:
        refuse(license_, 1)
        key, old = f"seats:{{{license_.id}}}:denials", (TODAY - counters.EPOCH).days - 5
        redis_client().hset(key, str(old), 7)
        keep()
        assert kept() == [1, 7]
        assert redis_client().hget(key, str(old)) is None
        assert told(license_) == 1


WORKER = """
import django
django.setup()
from licenses.services import denials
while True:
    denials.keep_denials()
"""


class TestAKilledWorker:
    def test_neither_loses_nor_doubles_a_refusal(self, license_: SeatedLicense) -> None:
        """Killed at any step between the stores, over and over, while callers are refused."""
        environ = {**os.environ, "DATABASE_URL": servers.current().postgres.url("worker")}
        refused = 0
        for attempt in range(4):
            worker = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", WORKER], cwd=servers.ROOT, env=environ, stderr=subprocess.DEVNULL
            )
            before, until = kept(), time.monotonic() + 20
            while kept() == before and time.monotonic() < until:
                refuse(license_, 1)
                refused += 1
            time.sleep(0.013 * attempt)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            refuse(license_, 2)
            refused += 2
        assert told(license_) == refused
        keep()
        assert kept() == [refused]


def test_an_unknown_counter_is_left_alone(db: None) -> None:
    """A hash that lost its name, by a hand that meddled, counts for nothing and breaks nothing."""
    license_id = new_id()
    redis_client().hset(f"seats:{{{license_id}}}:denials", str((TODAY - counters.EPOCH).days), 4)
    assert counters.read([license_id]) == []
