"""What owners do with a licence, racing with its machines and with each other: held at the one instant that matters."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from config.kernel.errors import DomainError
from config.kernel.ids import new_id
from config.kernel.redis import client as redis_client
from config.kernel.tenancy import organization_context
from licenses import lookup
from licenses.errors import ActivationNotFound, ActivationRequired, LicenseSuspended, SessionExpired
from licenses.models import Activation, License
from licenses.services import activation, holding, key_rotation
from tests.api.beneath import as_owner
from tests.api.issued import licensed
from tests.concurrency import history
from tests.concurrency.seated_license import SeatedLicense, owner_connection
from tests.concurrency.test_races import acquire, beat
from tests.concurrency.together import (
    Point,
    at_once,
    held,
    on_its_own_connection,
    wait_until_stuck,
)

pytestmark = pytest.mark.usefixtures("holdable")

SOMEBODY = new_id()


def issue(*, seats: int) -> SeatedLicense:
    """Make a licence of so many seats whose key can be shown."""
    made = licensed(access_policy="key", max_seats=seats)
    return SeatedLicense(UUID(made.license_id), UUID(made.customer.organization_id), made.license_key)


def suspend(license_: SeatedLicense) -> object:
    """Suspend a licence, as its owner."""
    return holding.suspend(organization_id=license_.organization_id, license_id=license_.id, actor_id=SOMEBODY, note="")


def activation_of(license_: SeatedLicense) -> UUID:
    """Return the only activation of a licence."""
    ((activation_id,),) = as_owner("select id from licenses_activation where license_id = %s", license_.id)
    return UUID(str(activation_id))


def remove(license_: SeatedLicense, activation_id: UUID) -> None:
    """Take back an activation."""
    activation.remove(
        organization_id=license_.organization_id,
        license_id=license_.id,
        activation_id=activation_id,
        actor_id=SOMEBODY,
    )


def rotate(license_: SeatedLicense, hours: int) -> str:
    """Replace the key; return the new one."""
    detail, _ = key_rotation.rotate(
        organization_id=license_.organization_id, license_id=license_.id, actor_id=SOMEBODY, overlap_hours=hours
    )
    return detail.license_key


class TestSuspendDuringAnAcquire:
    def test_waits_for_the_grant_and_stops_the_beat_after_it(self) -> None:
        license_ = issue(seats=1)
        with ThreadPoolExecutor(1) as pool, held(Point.COMMIT, [partial(acquire, license_)]) as (owner, (granting,)):
            suspending = pool.submit(on_its_own_connection(partial(suspend, license_)))
            wait_until_stuck(owner, count=2)
        suspending.result()
        with pytest.raises(LicenseSuspended):
            beat(granting.result().seat)

    def test_that_is_first_is_seen_by_an_acquire_and_a_beat_that_waited(self) -> None:
        license_ = issue(seats=2)
        seat = acquire(license_).seat
        with (
            ThreadPoolExecutor(3) as pool,
            owner_connection() as onlooker,
            owner_connection() as owner,
        ):
            with owner.transaction():
                owner.execute("select from licenses_license where id = %s for update", [license_.id])
                suspending = pool.submit(on_its_own_connection(partial(suspend, license_)))
                wait_until_stuck(onlooker, count=1)
                waiting: list[Future[Any]] = [
                    pool.submit(on_its_own_connection(partial(acquire, license_, "machine-0002"))),
                    pool.submit(on_its_own_connection(partial(beat, seat))),
                ]
                wait_until_stuck(onlooker, count=3)
            suspending.result()
            assert [type(call.exception()) for call in waiting] == [LicenseSuspended, LicenseSuspended]
        assert history.live(license_.id) == 1, "what ran before was not ended"

    def test_leaves_no_grant_behind_however_they_fall(self) -> None:
        for _ in range(10):
            license_ = issue(seats=3)
            calls = [partial(acquire, license_, f"machine-000{number}") for number in range(3)]
            suspending: Callable[[], object] = partial(suspend, license_)
            at_once([*(tolerant(call, LicenseSuspended) for call in calls), suspending])
            for number in range(4):
                with pytest.raises(LicenseSuspended):
                    acquire(license_, f"machine-000{number}")


class TestTwoRotations:
    def test_happen_one_after_the_other_and_lose_no_key(self) -> None:
        license_ = issue(seats=1)
        keys = at_once([partial(rotate, license_, 24) for _ in range(4)])
        assert len(set(keys)) == 4
        found = {key: lookup.find_by_key(license_key=key) for key in (license_.key, *keys)}
        assert all(one is not None and one.id == license_.id for one in found.values())
        current = [key for key, one in found.items() if one is not None and one.key_valid_until is None]
        assert len(current) == 1, "one key is the current one"
        with organization_context(license_.organization_id):
            assert bytes(License.objects.get(id=license_.id).key_hash) == lookup.key_hash(current[0])
        assert as_owner("select count(*) from licenses_retiredkey")[0][0] == 4

    def test_without_overlap_leave_the_last_key_alone(self) -> None:
        license_ = issue(seats=1)
        keys = at_once([partial(rotate, license_, hours) for hours in (0, 720, 0, 24)])
        last = rotate(license_, 0)
        working = [key for key in (license_.key, *keys, last) if lookup.find_by_key(license_key=key)]
        assert working == [last]


class TestDeactivationDuringAnAcquire:
    def test_waits_for_the_grant_and_ends_it(self) -> None:
        """The machine's lease has lapsed, so that it takes a new one; the removal comes while that is written."""
        license_ = issue(seats=1)
        acquire(license_)
        activation_id = activation_of(license_)
        as_owner("update licenses_licensesession set expires_at = clock_timestamp() - interval '1 second'")
        redis_client().flushall()
        with ThreadPoolExecutor(1) as pool, held(Point.COMMIT, [partial(acquire, license_)]) as (owner, (granting,)):
            removing = pool.submit(on_its_own_connection(partial(remove, license_, activation_id)))
            wait_until_stuck(owner, count=2)
        removing.result()
        with pytest.raises(SessionExpired):
            beat(granting.result().seat)
        assert history.live(license_.id) == 0
        assert acquire(license_, "machine-0002").is_new, "the seat is free"

    def test_that_is_first_takes_the_lease_from_under_an_acquire_that_waited(self) -> None:
        license_ = issue(seats=1)
        old = acquire(license_).seat
        activation_id = activation_of(license_)
        license_.change(require_activation=True)
        with ThreadPoolExecutor(2) as pool, owner_connection() as onlooker, owner_connection() as owner:
            with owner.transaction():
                owner.execute("select from licenses_license where id = %s for update", [license_.id])
                removing = pool.submit(on_its_own_connection(partial(remove, license_, activation_id)))
                wait_until_stuck(onlooker, count=1)
                asking = pool.submit(on_its_own_connection(partial(acquire, license_)))
                wait_until_stuck(onlooker, count=2)
            removing.result()
            assert isinstance(asking.exception(), ActivationRequired), "it is not handed back what was taken"
        with pytest.raises(SessionExpired):
            beat(old)
        assert history.live(license_.id) == 0

    def test_happens_once(self) -> None:
        license_ = issue(seats=1)
        acquire(license_)
        removal = partial(remove, license_, activation_of(license_))
        outcomes = at_once([tolerant(removal, ActivationNotFound) for _ in range(4)])
        assert outcomes.count("refused") == 3
        with organization_context(license_.organization_id):
            assert not Activation.objects.exists()


def tolerant(call: Callable[[], object], refusal: type[DomainError]) -> Callable[[], object]:
    """Return the call, which answers "refused" where it is."""

    def run() -> object:
        try:
            return call()
        except refusal:
            return "refused"

    return run
