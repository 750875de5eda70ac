"""What a seat leaves for the next start: taken back after a crash, and never believed when it is not ours."""

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from coditect_license import License, Outage
from coditect_license.answers import SeatToken
from coditect_license.state_file import NOTHING, StateFile
from tests.client.network import MACHINE, Network, forbidden
from tests.client.test_processes import Host
from tests.concurrency import history, seated_license
from tests.concurrency.seated_license import SeatedLicense
from tests.concurrency.together import wait_until
from tests.concurrency.web import Web

ACQUIRE = "/api/v1/licenses/acquire"
TOKEN = SeatToken("session-1", "a.signed.token")
LICENSE = License(
    id="license-1",
    organization_id="organization-1",
    tier="pro",
    features={"reports": True},
    max_seats=3,
    seats_used=1,
    status="active",
    expires_at=datetime(2030, 1, 2, 3, 4, 5, 678900, tzinfo=UTC),
    grace_period_ends_at=None,
    key_valid_until=None,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the state is kept."""
    return tmp_path / "acme" / "seat.json"


@pytest.fixture
def license_(db: None) -> SeatedLicense:
    """Return a licence of one seat."""
    return seated_license.issue(seats=1)


def opened(path: Path, *, license_key: str = "key-1", hardware_id: str = MACHINE) -> StateFile:
    """Return a hold on the file, not taken yet."""
    return StateFile(path, license_key=license_key, hardware_id=hardware_id)


class TestRestart:
    def test_takes_its_own_seat_back_without_asking_for_one(
        self, network: Network, license_: SeatedLicense, path: Path
    ) -> None:
        died = network.client(license_.key, state_file=path).seat()
        died.acquire()
        session, told = died.session_id, died.license
        died.after_fork()  # ends like a killed process: not a word to anybody
        asked = len(network.asked)
        with network.client(license_.key, state_file=path).seat() as seat:
            assert (seat.session_id, seat.license) == (session, told)
            assert ACQUIRE not in network.asked[asked:]
            assert history.live(license_.id) == 1
        assert history.live(license_.id) == 0

    def test_after_kill_9_does_so_too(self, web: Web, network: Network, license_: SeatedLicense, path: Path) -> None:
        host = Host(web, license_, "wait", str(path))
        session = host.told()["session"]
        host.process.kill()
        host.end()
        with network.client(license_.key, state_file=path).seat() as seat:
            assert seat.session_id == session

    def test_after_a_beat_goes_on_from_the_newest_token(
        self, network: Network, license_: SeatedLicense, path: Path
    ) -> None:
        died = network.client(license_.key, state_file=path).seat()
        died.acquire()
        for _ in range(3):
            before = died._token
            network.move(died, 297.0)
            wait_until(lambda before=before: died._token != before)  # type: ignore[misc]  # bound at once
        died.after_fork()
        with network.client(license_.key, state_file=path).seat() as seat:
            assert seat.status.held

    def test_asks_for_a_seat_when_the_old_one_is_gone(
        self, network: Network, license_: SeatedLicense, path: Path
    ) -> None:
        died = network.client(license_.key, state_file=path).seat()
        died.acquire()
        session, token = died.session_id, died._token
        assert token is not None
        died.after_fork()
        assert httpx.post(f"{network.url}/api/v1/licenses/release", json=token.body()).status_code == 204
        with network.client(license_.key, state_file=path).seat() as seat:
            assert seat.status.held
            assert seat.session_id != session

    def test_after_a_tidy_end_finds_no_seat_but_the_latest_time(
        self, network: Network, license_: SeatedLicense, path: Path
    ) -> None:
        client = network.client(license_.key, state_file=path)
        assert client.latest_seen is None
        with client.seat():
            pass
        assert opened(path, license_key=license_.key).take().token is None
        assert client.latest_seen is not None
        assert abs(client.latest_seen - datetime.now(UTC)) < timedelta(minutes=1)

    def test_that_nobody_answers_leaves_the_file_to_the_next(
        self, network: Network, license_: SeatedLicense, path: Path
    ) -> None:
        died = network.client(license_.key, state_file=path).seat()
        died.acquire()
        session = died.session_id
        died.after_fork()
        network.broken = forbidden
        offline = network.client(license_.key, state_file=path).seat()
        offline._sleep = lambda seconds: setattr(network, "moved", network.moved + seconds)
        with pytest.raises(Outage):
            offline.acquire()
        network.broken = None
        with network.client(license_.key, state_file=path).seat() as seat:
            assert seat.session_id == session

    def test_beside_a_running_program_touches_nothing_of_its(
        self, network: Network, license_: SeatedLicense, path: Path
    ) -> None:
        with network.client(license_.key, state_file=path).seat():
            before = path.read_bytes()
            with network.client(license_.key, state_file=path).seat() as second:
                assert second.status.held
                assert path.read_bytes() == before
            assert path.read_bytes() == before

    def test_on_a_disk_that_fails_is_a_first_start(
        self, network: Network, license_: SeatedLicense, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "file").write_text("")
        with network.client(license_.key, state_file=tmp_path / "file" / "seat.json").seat() as seat:
            assert seat.status.held
        assert "cannot be used" in caplog.text


class TestFile:
    def test_returns_what_was_kept(self, path: Path) -> None:
        file = opened(path)
        assert file.take() == NOTHING
        file.keep(TOKEN, LICENSE, signed_at=7)
        file.keep(TOKEN, LICENSE, signed_at=5)  # an answer that came late
        file.leave()
        kept = opened(path).take()
        assert (kept.token, kept.license, kept.signed_at) == (TOKEN, LICENSE, 7)

    def test_is_its_owners_alone_and_leaves_nothing_half_written(self, path: Path) -> None:
        file = opened(path)
        file.take()
        file.keep(TOKEN, LICENSE, signed_at=7)
        file.leave()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert {other.name for other in path.parent.iterdir()} == {"seat.json", "seat.json.lock"}

    def test_is_not_written_by_whoever_does_not_have_it(self, path: Path) -> None:
        first, second = opened(path), opened(path)
        first.take()
        assert second.take() == NOTHING
        second.keep(TOKEN, LICENSE, signed_at=7)
        assert not path.exists()
        first.leave()
        assert second.take() == NOTHING
        second.keep(TOKEN, LICENSE, signed_at=7)
        assert path.exists()
        second.leave()

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda text: "", id="empty"),
            pytest.param(lambda text: text[: len(text) // 2], id="half"),
            pytest.param(lambda text: "[]", id="something else"),
            pytest.param(lambda text: text.replace("session-1", "session-2"), id="edited"),
            pytest.param(lambda text: json.dumps(json.loads(text) | {"mac": "é"}), id="another mac"),
        ],
    )
    def test_that_was_spoilt_is_none(self, path: Path, spoil: Callable[[str], str]) -> None:
        self.kept(path)
        path.write_text(spoil(path.read_text()))
        assert opened(path).read() == NOTHING

    @pytest.mark.parametrize("other", [{"hardware_id": "machine-0002"}, {"license_key": "key-2"}])
    def test_of_another_machine_or_licence_is_none(self, path: Path, other: dict[str, Any]) -> None:
        self.kept(path)
        assert opened(path, **other).read() == NOTHING

    def test_says_no_secret_of_itself(self, path: Path) -> None:
        file = opened(path, license_key="CODITECT-SECR-ET00")
        assert "SECR" not in repr(file)

    def kept(self, path: Path) -> None:
        """Leave a seat behind."""
        file = opened(path)
        file.take()
        file.keep(TOKEN, LICENSE, signed_at=7)
        file.leave()
        assert opened(path).read().token == TOKEN
