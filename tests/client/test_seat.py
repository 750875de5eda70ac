"""A seat of the real server as a host has it: taken, kept, given back, and what it hears while the world breaks."""

import threading
import time
from typing import Any

import httpx
import pytest

from coditect_license import (
    LicenseNotUsable,
    LicenseUnknown,
    NoSeatsAvailable,
    OfflineGraceExceeded,
    Outage,
    SeatNotHeld,
    State,
)
from tests.client.network import Heard, Network, down, forbidden
from tests.concurrency import history, seated_license
from tests.concurrency.seated_license import SeatedLicense
from tests.concurrency.together import wait_until
from tests.concurrency.web import Web

BEAT, ACQUIRE = "/api/v1/licenses/heartbeat", "/api/v1/licenses/acquire"
BEAT_IS_DUE = 297.0
LEASE_IS_OVER = 356.0


@pytest.fixture
def license_(db: None) -> SeatedLicense:
    """Return a licence of one seat."""
    return seated_license.issue(seats=1)


class TestSeat:
    def test_is_taken_kept_and_given_back(self, network: Network, license_: SeatedLicense) -> None:
        seat = network.client(license_.key).seat()
        heard = Heard(seat)
        with seat:
            seat.check()
            assert (seat.status.state, seat.license.max_seats) == (State.ACTIVE, 1)
            assert history.live(license_.id) == 1
            before = seat.status.lease_seconds
            network.move(seat, BEAT_IS_DUE)
            wait_until(lambda: seat.status.lease_seconds > before - 10)
            network.move(seat, BEAT_IS_DUE)
            wait_until(lambda: network.asked.count(BEAT) == 2)
        assert seat.status.state is State.RELEASED
        assert history.live(license_.id) == 0
        heard.wait_for("released")
        assert heard.kinds == ["acquired", "released"]
        with pytest.raises(SeatNotHeld):
            seat.check()

    def test_is_refused_when_none_is_free_and_had_when_somebody_leaves(
        self, network: Network, license_: SeatedLicense
    ) -> None:
        first, second = network.client(license_.key).seat(), network.client(license_.key, machine="machine-0002")
        first.acquire()
        with pytest.raises(NoSeatsAvailable) as raised:
            second.seat().acquire()
        assert (raised.value.current_seats_used, raised.value.max_seats) == (1, 1)
        assert raised.value.retry_after
        # Retry-After is that of the lease; who waits asks earlier, since the first may leave.
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            first.release()

        waiting = second.seat(wait=600.0)
        waiting._sleep = sleep
        with waiting:
            assert waiting.status.held
        assert slept == [30.0]

    def test_of_an_unknown_licence_is_refused(self, network: Network) -> None:
        with pytest.raises(LicenseUnknown):
            network.client("CODITECT-0000-0000-0000-0000-0000").seat().acquire()

    def test_is_acquired_once(self, network: Network, license_: SeatedLicense) -> None:
        seat = network.client(license_.key).seat()
        with seat:
            with pytest.raises(SeatNotHeld):
                seat.acquire()
            assert seat.status.held

    def test_is_given_back_when_the_client_is_closed(self, network: Network, license_: SeatedLicense) -> None:
        with network.client(license_.key) as client:
            client.seat().acquire()
            kept = client.seat()
        assert kept.status.state is State.RELEASED

    def test_says_no_secret(self, network: Network, license_: SeatedLicense, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        client = network.client(license_.key)
        with client.seat() as seat:
            told = [repr(client), repr(seat), repr(seat._token), repr(vars(seat))]
            token = seat._token
        assert token is not None
        for secret in (license_.key, token.signed_token):
            assert secret not in "".join([*told, caplog.text])


class TestTrouble:
    @pytest.mark.parametrize("broken", [forbidden, down])
    def test_costs_no_seat_while_the_lease_runs(self, network: Network, license_: SeatedLicense, broken: Any) -> None:
        seat = network.client(license_.key).seat()
        heard = Heard(seat)
        with seat:
            session = seat.session_id
            network.broken = broken
            network.move(seat, BEAT_IS_DUE)
            assert heard.wait_for("degraded").status.held
            network.broken = None
            heard.wait_for("restored")
            assert (seat.session_id, history.live(license_.id)) == (session, 1)
        heard.wait_for("released")
        assert heard.kinds == ["acquired", "degraded", "restored", "released"]

    def test_of_a_killed_server_is_over_when_it_is_back(
        self, network: Network, license_: SeatedLicense, web: Web
    ) -> None:
        seat = network.client(license_.key).seat()
        heard = Heard(seat)
        with seat:
            web.kill()
            network.move(seat, BEAT_IS_DUE)
            assert heard.wait_for("degraded").status.usable
            web.start()
            wait_until(lambda: "restored" in heard.kinds or network.asked.count(BEAT) > 2, seconds=20)
            network.move(seat, 50.0)  # the last call of this lease, unless one came through before
            assert heard.wait_for("restored").status.held
            assert history.live(license_.id) == 1
        assert "lost" not in heard.kinds

    def test_ends_with_the_grace_that_the_server_signed(self, network: Network, license_: SeatedLicense) -> None:
        seat = network.client(license_.key).seat()
        heard = Heard(seat)
        with seat:
            network.broken = forbidden
            network.move(seat, BEAT_IS_DUE)
            heard.wait_for("degraded")
            network.move(seat, LEASE_IS_OVER - BEAT_IS_DUE)
            offline = heard.wait_for("offline").status
            assert (offline.held, offline.usable) == (False, True)
            seat.check()
            wait_until(lambda: network.asked.count(ACQUIRE) >= 2)
            network.move(seat, 1500.0 - LEASE_IS_OVER)
            heard.wait_for("expiring")
            network.move(seat, 300.0)
            reason = heard.wait_for("lost").status.reason
            assert isinstance(reason, OfflineGraceExceeded)
            with pytest.raises(OfflineGraceExceeded):
                seat.check()
        assert heard.kinds == ["acquired", "degraded", "offline", "expiring", "lost"]

    def test_at_the_first_question_is_the_hosts_to_know(self, network: Network, license_: SeatedLicense) -> None:
        network.broken = forbidden
        seat = network.client(license_.key).seat()
        seat._sleep = lambda seconds: setattr(network, "moved", network.moved + seconds)
        with pytest.raises(Outage):
            seat.acquire()
        assert seat.status.state is State.WAITING
        seat.release()

    def test_of_our_own_is_survived(
        self, network: Network, license_: SeatedLicense, caplog: pytest.LogCaptureFixture
    ) -> None:
        def faulty(request: httpx.Request) -> httpx.Response:
            raise ZeroDivisionError

        seat = network.client(license_.key).seat()
        heard = Heard(seat)
        with seat:
            network.broken = faulty
            network.move(seat, BEAT_IS_DUE)
            heard.wait_for("degraded")
            network.broken = None
            heard.wait_for("restored")
        assert "ZeroDivisionError" in caplog.text


class TestVerdicts:
    def test_that_the_licence_is_suspended_lose_the_seat(self, network: Network, license_: SeatedLicense) -> None:
        seat = network.client(license_.key).seat()
        heard = Heard(seat)
        with seat:
            license_.change(status="suspended", suspension_reason="admin")
            network.move(seat, BEAT_IS_DUE)
            assert isinstance(heard.wait_for("lost").status.reason, LicenseNotUsable)
            with pytest.raises(LicenseNotUsable):
                seat.check()

    def test_that_the_lease_is_over_get_a_new_one(self, network: Network, license_: SeatedLicense) -> None:
        seat = network.client(license_.key).seat()
        heard = Heard(seat)
        with seat:
            session, token = seat.session_id, seat._token
            assert token is not None
            assert httpx.post(f"{network.url}/api/v1/licenses/release", json=token.body()).status_code == 204
            network.move(seat, BEAT_IS_DUE)
            wait_until(lambda: seat.session_id != session)
            assert history.live(license_.id) == 1
            assert heard.kinds == ["acquired"]
        assert history.live(license_.id) == 0

    def test_that_somebody_else_has_it_by_now_lose_it(self, network: Network, license_: SeatedLicense) -> None:
        seat = network.client(license_.key).seat()
        heard = Heard(seat)
        with seat:
            token = seat._token
            assert token is not None
            assert httpx.post(f"{network.url}/api/v1/licenses/release", json=token.body()).status_code == 204
            with network.client(license_.key, machine="machine-0002").seat():
                network.move(seat, BEAT_IS_DUE)
                assert isinstance(heard.wait_for("lost").status.reason, NoSeatsAvailable)


class TestCallbacks:
    def test_that_fail_or_hang_hold_up_nothing(
        self, network: Network, license_: SeatedLicense, caplog: pytest.LogCaptureFixture
    ) -> None:
        seat = network.client(license_.key).seat()
        hanging, heard = threading.Event(), []

        def fails(event: Any) -> None:
            raise RuntimeError("the host's own")

        def exits(event: Any) -> None:
            raise SystemExit(1)

        seat.on("acquired", fails)
        seat.on("acquired", exits)
        seat.on("acquired", lambda event: heard.append(event.status.state))
        seat.on("acquired", lambda event: hanging.wait(20))
        with seat:
            network.move(seat, BEAT_IS_DUE)
            wait_until(lambda: network.asked.count(BEAT) == 1)
            assert heard == [State.ACTIVE]
            hanging.set()
        assert "the host's own" in caplog.text
        assert "sys.exit" in caplog.text

    def test_may_give_the_seat_back(self, network: Network, license_: SeatedLicense) -> None:
        seat = network.client(license_.key).seat()
        seat.on("acquired", lambda event: seat.release())
        seat.acquire()
        wait_until(lambda: history.live(license_.id) == 0)
        assert seat.status.state is State.RELEASED

    def test_of_an_event_that_there_is_not_are_refused(self, network: Network, license_: SeatedLicense) -> None:
        with pytest.raises(ValueError, match="restarted"):
            network.client(license_.key).seat().on("restarted", print)


class TestThread:
    def test_ends_with_the_seat(self, network: Network, license_: SeatedLicense) -> None:
        before = threading.active_count()
        seat = network.client(license_.key).seat()
        heard = Heard(seat)
        with seat:
            assert threading.active_count() > before
        heard.wait_for("released")
        wait_until(lambda: threading.active_count() <= before)

    def test_sleeps_when_nothing_is_due(self, network: Network, license_: SeatedLicense) -> None:
        with network.client(license_.key).seat():
            asked, began = len(network.asked), time.process_time()
            time.sleep(0.5)
            assert len(network.asked) == asked
            assert time.process_time() - began < 0.4
