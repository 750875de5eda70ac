"""Beats made together, by real threads on the real database: nobody pays for a neighbour, or is left waiting."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction

from config.kernel.redis import client as redis_client
from licenses import errors
from licenses.lookup import KeyHolder
from licenses.seats import beats, tokens
from licenses.seats.record import Asked
from licenses.seats.seat import Seat
from licenses.services import acquiring, seats
from tests.concurrency import history, mutations, seated_license
from tests.concurrency.seated_license import SeatedLicense, owner_connection
from tests.concurrency.together import at_once, on_its_own_connection, wait_until, wait_until_stuck

pytestmark = pytest.mark.usefixtures("db")


def take(license_: SeatedLicense, number: int = 0) -> Seat:
    """Take a seat for the machine of a number."""
    asking = f"machine-{number:04}"
    return acquiring.acquire(license_key=license_.key, hardware_id=asking, holder=KeyHolder()).seat


def beat(seat: Seat, **changed: object) -> Seat:
    """Keep a seat, by claims that differ from its token's where `changed` says so."""
    claims = replace(tokens.read(seat.signed_token), **changed)  # type: ignore[arg-type]
    return seats.heartbeat(claims=claims, session_id=claims.session_id)


def sequence(seat: Seat) -> int:
    """Return the number of the beat that a token is of."""
    return tokens.read(seat.signed_token).sequence


class Batches:
    """What was asked of the record, list by list."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        if "seat_beat" in sql:
            self.sizes.append(len(params[0].split(",")))
        return execute(sql, params, *rest)


@contextmanager
def one_batch(first: Seat, calls: list[Callable[[], Any]]) -> Any:
    """Make the calls so that they are taken together: while the leader before them waits for a row that is locked.

    Yields the futures, the first one's last, and the sizes of the lists; all are over when the block is left.
    """
    sizes = Batches()

    def counted(call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            with connection.execute_wrapper(sizes):
                return call()

        return on_its_own_connection(run)

    waiting = beats._batches()._waiting
    with ThreadPoolExecutor(len(calls) + 1) as pool, owner_connection() as onlooker:
        with owner_connection() as owner, owner.transaction():
            owner.execute("select from licenses_licensesession where id = %s for update", [first.session_id])
            leading = pool.submit(counted(lambda: beat(first)))
            wait_until_stuck(onlooker, count=1)
            futures: list[Future[Any]] = []
            for call in calls:
                futures.append(pool.submit(counted(call)))
                wait_until(lambda: len(beats._batches()._waiting) == len(futures))
        assert waiting is not None
        yield [*futures, leading], sizes
    assert leading.exception() is None


class TestBatch:
    def test_of_many_organizations_is_one_call(self) -> None:
        first, *others = [take(seated_license.issue(seats=1)) for _ in range(9)]
        with one_batch(first, [lambda seat=seat: beat(seat) for seat in others]) as (futures, asked):  # type: ignore[misc]
            renewed = [future.result() for future in futures[:-1]]
        assert asked.sizes == [1, 8]
        assert [seat.session_id for seat in renewed] == [seat.session_id for seat in others]
        assert [sequence(seat) for seat in renewed] == [2] * 8
        assert not any(seat.degraded for seat in renewed)

    def test_tells_the_gate_of_every_lease(self) -> None:
        first, *others = [take(seated_license.issue(seats=1)) for _ in range(4)]
        with one_batch(first, [lambda seat=seat: beat(seat) for seat in others]) as (futures, _):  # type: ignore[misc]
            renewed = [future.result() for future in futures[:-1]]
        for seat in renewed:
            claims = tokens.read(seat.signed_token)
            leases: Any = redis_client().zrange(f"seats:{{{claims.license_id}}}:leases", 0, -1, withscores=True)
            assert [score for _, score in leases] == [int(seat.expires_at.timestamp() * 1000)]

    def test_after_redis_forgot_the_script_tells_the_gate_all_the_same(self) -> None:
        first, *others = [take(seated_license.issue(seats=1)) for _ in range(4)]
        redis_client().script_flush()
        with one_batch(first, [lambda seat=seat: beat(seat) for seat in others]) as (futures, _):  # type: ignore[misc]
            redis_client().script_flush()
            assert not any(future.result().degraded for future in futures)

    def test_of_the_same_token_is_one_beat_and_all_are_answered(self) -> None:
        first, seat = take(seated_license.issue(seats=1)), take(seated_license.issue(seats=1))
        with one_batch(first, [lambda: beat(seat)] * 5) as (futures, asked):
            renewed = [future.result() for future in futures[:-1]]
        assert asked.sizes == [1, 1]
        assert {sequence(one) for one in renewed} == {2}
        beat(renewed[3])

    def test_of_crossing_tokens_of_a_session_is_as_if_they_came_one_after_the_other(self) -> None:
        first, seat = take(seated_license.issue(seats=1)), take(seated_license.issue(seats=1))
        newest = beat(seat)  # sequence 2; the one before it, 1, is still good
        with one_batch(first, [lambda: beat(newest), lambda: beat(seat)]) as (futures, asked):
            renewed, older = futures[0].result(), futures[1]
            # 2 came first and made it 3: by then 1 is too old.
            assert isinstance(older.exception(), errors.TokenSuperseded)
        assert asked.sizes == [1, 1, 1]
        assert sequence(renewed) == 3


class TestNeighbours:
    def test_of_a_refused_beat_are_answered(self) -> None:
        first, lapsed, stale, unknown, good = [take(seated_license.issue(seats=1)) for _ in range(5)]
        with owner_connection() as owner:
            owner.execute(
                "update licenses_licensesession set expires_at = now() - interval '1 s' where id = %s",
                [lapsed.session_id],
            )
        beat(beat(stale))
        calls: list[Callable[[], Any]] = [
            lambda: beat(lapsed),
            lambda: beat(stale),
            lambda: beat(unknown, license_id=tokens.read(good.signed_token).license_id),
            lambda: beat(good),
        ]
        with one_batch(first, calls) as (futures, asked):
            outcomes = [type(future.exception()) for future in futures[:-1]]
        assert asked.sizes == [1, 4]
        assert outcomes == [errors.SessionExpired, errors.TokenSuperseded, errors.SessionNotFound, type(None)]

    def test_of_a_beat_that_the_database_cannot_digest_are_answered(self) -> None:
        first, poisoned, *good = [take(seated_license.issue(seats=1)) for _ in range(5)]
        calls = [lambda: beat(poisoned, sequence=10**30), *[lambda seat=seat: beat(seat) for seat in good]]
        with one_batch(first, calls) as (futures, asked):
            failed, *renewed = futures[:-1]
            assert failed.exception() is not None
            assert [sequence(future.result()) for future in renewed] == [2] * 3
        assert sorted(asked.sizes) == [1, 1, 1, 1, 1, 4]

    def test_of_a_beat_that_waits_for_its_licence_are_answered_at_once(self) -> None:
        first, *good = [take(seated_license.issue(seats=1)) for _ in range(4)]
        locked = seated_license.issue(seats=1)
        slow = take(locked)
        calls = [lambda: beat(slow), *[lambda seat=seat: beat(seat) for seat in good]]
        with owner_connection() as owner, owner.transaction():
            owner.execute("select from licenses_license where id = %s for no key update", [locked.id])
            with ThreadPoolExecutor(1) as pool, one_batch(first, calls) as (futures, _):
                waiting, *renewed = futures[:-1]
                assert [sequence(future.result(timeout=5)) for future in renewed] == [2] * 3
                assert not waiting.done()
                pool.submit(owner.execute, "rollback").result()
                assert sequence(waiting.result()) == 2

    def test_of_a_lone_beat_that_waits_for_its_licence_are_answered_at_once(self) -> None:
        locked = seated_license.issue(seats=1)
        slow, good = take(locked), take(seated_license.issue(seats=1))
        with (
            ThreadPoolExecutor(2) as pool,
            owner_connection() as onlooker,
            owner_connection() as owner,
            owner.transaction(),
        ):
            owner.execute("select from licenses_license where id = %s for no key update", [locked.id])
            waiting = pool.submit(on_its_own_connection(lambda: beat(slow)))
            wait_until_stuck(onlooker, count=1)
            answered = pool.submit(on_its_own_connection(lambda: beat(good)))
            # Sooner than the role's lock timeout, which would end the wait of the first.
            assert sequence(answered.result(timeout=3)) == 2
            assert not waiting.done()
            owner.execute("rollback")
            assert sequence(waiting.result()) == 2

    def test_a_lone_beat_asks_the_record_once(self) -> None:
        seat, asked = take(seated_license.issue(seats=1)), Batches()
        with connection.execute_wrapper(asked):
            beat(seat)
        assert asked.sizes == [1]

    def test_a_beat_in_a_callers_transaction_is_made_in_it(self) -> None:
        seat = take(seated_license.issue(seats=1))
        claims = tokens.read(seat.signed_token)
        asked = Asked(claims.organization_id, claims.license_id, claims.session_id, claims.sequence)
        with transaction.atomic():
            found, _ = beats.beat(asked)
            assert found is not None
            assert found.sequence == 2
            transaction.set_rollback(True)
        assert sequence(beat(seat)) == 2


class TestFifty:
    def test_beats_of_fifty_sessions_at_once_are_all_accepted(self) -> None:
        license_ = seated_license.issue(seats=50)
        held = [take(license_, number) for number in range(50)]
        renewed = at_once([lambda seat=seat: beat(seat) for seat in held])  # type: ignore[misc]
        assert [seat.session_id for seat in renewed] == [seat.session_id for seat in held]
        assert {sequence(seat) for seat in renewed} == {2}

    def test_beats_of_one_token_at_once_are_all_accepted(self) -> None:
        seat = take(seated_license.issue(seats=1))
        renewed = at_once([lambda: beat(seat)] * 50)
        assert {sequence(one) for one in renewed} == {2}

    def test_beats_and_grants_of_the_same_licences_do_not_block_each_other(self) -> None:
        """Grants and batches take the same locks, of different licences in different orders: none is a deadlock."""
        licenses = [seated_license.issue(seats=40) for _ in range(3)]
        held = [take(license_, number) for license_ in licenses for number in range(5)]

        def keep(seat: Seat) -> int:
            for _ in range(8):
                seat = beat(seat)
            return sequence(seat)

        def come(number: int) -> int:
            return sum(take(license_, 100 + number).session_id is not None for license_ in licenses)

        calls = [*[lambda seat=seat: keep(seat) for seat in held], *[lambda n=n: come(n) for n in range(6)]]
        assert at_once(calls) == [9] * 15 + [3] * 6
        assert [history.live(license_.id) for license_ in licenses] == [11] * 3


class TestProof:
    def test_without_the_beats_lock_a_lapsed_lease_is_revived(self) -> None:
        """Or the lock in `seat_beat` would be there for nothing: an acquire gives the seat away beneath the beat."""
        license_ = seated_license.issue(seats=1)
        seat = take(license_)
        with (
            mutations.without(r"FOR SHARE( SKIP LOCKED)?", function="seat_beat"),
            ThreadPoolExecutor(1) as pool,
            owner_connection() as onlooker,
            owner_connection() as owner,
        ):
            owner.execute(
                "update licenses_licensesession set expires_at = clock_timestamp() + interval '0.4 s' where id = %s",
                [seat.session_id],
            )
            with owner.transaction():
                owner.execute("select from licenses_licensesession where id = %s for update", [seat.session_id])
                beating = pool.submit(on_its_own_connection(lambda: beat(seat)))
                wait_until_stuck(onlooker, count=1)
                onlooker.execute("select pg_sleep(0.5)")
                redis_client().flushall()
                take(license_, 1)
            beating.exception()
        assert history.live(license_.id) == 2


def test_threads_are_not_left_behind() -> None:
    """The batches have no thread of their own."""
    before = threading.active_count()
    beat(take(seated_license.issue(seats=1)))
    assert threading.active_count() == before
