"""The four scripts of the seat gate, each held to the contract and the worked example at its top."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from config.kernel.ids import new_id
from config.kernel.redis import client
from licenses.seats import store
from licenses.seats.store import Answer, Lease, Verdict

LICENSE = UUID("01900000-0000-7000-8000-000000000001")
LEASES, OWNERS = f"seats:{{{LICENSE}}}:leases", f"seats:{{{LICENSE}}}:owners"
A, B, C, D = b"machine-a", b"machine-b", b"machine-c", b"machine-d"
S1, S2, S3 = (new_id() for _ in range(3))


def lease(machine: bytes, *, seconds: float, session: UUID = S1, lease_no: int = 1) -> Lease:
    """Return a lease that runs out so many seconds from now."""
    return Lease(session, lease_no, machine, datetime.now(UTC) + timedelta(seconds=seconds))


def put(machine: bytes, *, seconds: float, owner: str = "somebody:1") -> None:
    """Make the gate know a machine."""
    client().zadd(LEASES, {machine.hex(): (time.time() + seconds) * 1000})
    client().hset(OWNERS, machine.hex(), owner)


def known() -> dict[bytes, tuple[int, str]]:
    """Return what the gate knows: machine -> seconds left, owner."""
    leases: Any = client().zrange(LEASES, 0, -1, withscores=True)
    holders: Any = client().hgetall(OWNERS)
    scores = {bytes.fromhex(name.decode()): score for name, score in leases}
    owners = {bytes.fromhex(name.decode()): owner.decode() for name, owner in holders.items()}
    assert scores.keys() == owners.keys(), "both keys of a licence name the same machines"
    return {name: (round(score / 1000 - time.time()), owners[name]) for name, score in scores.items()}


def reserve(machine: bytes, *, limit: int = 2, reservation: str = "reservation:1") -> Answer:
    """Ask the gate for a seat."""
    return store.reserve(license_id=LICENSE, hardware_hash=machine, limit=limit, reservation=reservation)


class TestAcquireSeat:
    def test_adds_a_newcomer_under_its_reservation_for_one_lease(self) -> None:
        assert reserve(A) == Answer(Verdict.RESERVED, 1, 0)
        assert known() == {A: (360, "reservation:1")}

    def test_lets_a_known_machine_pass_and_changes_nothing(self) -> None:
        put(A, seconds=100)
        put(B, seconds=200)
        before = known()
        assert reserve(A) == Answer(Verdict.OWN, 2, 0)
        assert known() == before

    def test_refuses_when_every_seat_is_leased_and_says_when_the_first_runs_out(self) -> None:
        put(A, seconds=100)
        put(B, seconds=200)
        answer = reserve(C)
        assert (answer.verdict, answer.held) == (Verdict.FULL, 2)
        assert answer.retry_after_ms == pytest.approx(100_000, abs=1500)
        assert C not in known()

    def test_gives_the_seat_of_a_lease_that_is_over(self) -> None:
        put(A, seconds=-0.001)
        put(B, seconds=200)
        assert reserve(C) == Answer(Verdict.RESERVED, 2, 0)
        assert known() == {B: (200, "somebody:1"), C: (360, "reservation:1")}

    def test_refuses_everyone_new_above_a_lowered_limit(self) -> None:
        for machine in (A, B, C):
            put(machine, seconds=100)
        assert reserve(D, limit=1).verdict is Verdict.FULL
        assert reserve(C, limit=1).verdict is Verdict.OWN

    def test_refuses_everyone_where_there_are_no_seats(self) -> None:
        assert reserve(A, limit=0) == Answer(Verdict.FULL, 0, 360_000)

    def test_leaves_nothing_behind_of_an_idle_licence(self) -> None:
        reserve(A)
        for key in (LEASES, OWNERS):
            assert 360 < client().ttl(key) <= 720


class TestRefreshHeartbeat:
    def test_says_who_holds_the_seat_and_until_when(self) -> None:
        put(A, seconds=10, owner="reservation:1")
        assert store.confirm(license_id=LICENSE, lease=lease(A, seconds=300))
        assert known() == {A: (300, f"{S1}:1")}

    def test_leaves_out_a_machine_that_is_not_known(self) -> None:
        """Its release was faster than its beat; to add it would block a seat for a lease."""
        assert store.confirm(license_id=LICENSE, lease=lease(B, seconds=300))
        assert known() == {}

    def test_does_not_shorten_a_lease(self) -> None:
        put(A, seconds=300)
        store.confirm(license_id=LICENSE, lease=lease(A, seconds=200))
        assert known() == {A: (300, f"{S1}:1")}

    def test_keeps_no_place_for_longer_than_one_lease(self) -> None:
        put(A, seconds=300)
        store.confirm(license_id=LICENSE, lease=lease(A, seconds=20 * 86400))
        assert known() == {A: (360, f"{S1}:1")}


class TestReleaseSeat:
    def test_takes_the_machine_out(self) -> None:
        put(A, seconds=300, owner=f"{S1}:2")
        put(B, seconds=300)
        assert store.forget(license_id=LICENSE, hardware_hash=A, owner=f"{S1}:2")
        assert known().keys() == {B}

    @pytest.mark.parametrize("owner", [f"{S1}:1", f"{S2}:2", "reservation:1"], ids=["lease", "session", "reserved"])
    def test_leaves_a_machine_that_is_held_by_another_lease(self, owner: str) -> None:
        put(A, seconds=300, owner=f"{S1}:2")
        store.forget(license_id=LICENSE, hardware_hash=A, owner=owner)
        assert known() == {A: (300, f"{S1}:2")}

    def test_undoes_a_reservation_of_its_own_only(self) -> None:
        reserve(A, reservation="reservation:1")
        reserve(A, reservation="reservation:2")
        store.forget(license_id=LICENSE, hardware_hash=A, owner="reservation:2")
        assert known().keys() == {A}
        store.forget(license_id=LICENSE, hardware_hash=A, owner="reservation:1")
        assert known() == {}


class TestLoadLeases:
    def test_teaches_an_ignorant_gate_so_that_it_refuses_the_next(self) -> None:
        assert reserve(D, limit=3).verdict is Verdict.RESERVED
        store.forget(license_id=LICENSE, hardware_hash=D, owner="reservation:1")
        leases = [lease(A, seconds=100), lease(B, seconds=200, session=S2), lease(C, seconds=300, session=S3)]
        assert store.load(license_id=LICENSE, leases=leases)
        assert known() == {A: (100, f"{S1}:1"), B: (200, f"{S2}:1"), C: (300, f"{S3}:1")}
        assert reserve(D, limit=3).verdict is Verdict.FULL

    def test_leaves_what_the_gate_knows_already(self) -> None:
        put(A, seconds=300, owner=f"{S1}:2")
        store.load(license_id=LICENSE, leases=[lease(A, seconds=100)])
        assert known() == {A: (300, f"{S1}:2")}

    def test_keeps_no_place_for_longer_than_one_lease(self) -> None:
        store.load(license_id=LICENSE, leases=[lease(A, seconds=20 * 86400)])
        assert known() == {A: (360, f"{S1}:1")}

    def test_takes_no_leases_as_well(self) -> None:
        assert store.load(license_id=LICENSE, leases=[])
        assert known() == {}


class TestLicences:
    def test_have_gates_of_their_own(self) -> None:
        reserve(A, limit=1)
        other = store.reserve(license_id=new_id(), hardware_hash=B, limit=1, reservation="reservation:2")
        assert other.verdict is Verdict.RESERVED
