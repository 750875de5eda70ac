"""How a host's process ends and forks: its seat is given back in time, or left to the parent."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client.test_package import CLIENT
from tests.concurrency import history, seated_license
from tests.concurrency.seated_license import SeatedLicense
from tests.concurrency.web import Web

HOST = Path(__file__).with_name("holding_process.py")


@pytest.fixture
def license_(db: None) -> SeatedLicense:
    """Return a licence of one seat."""
    return seated_license.issue(seats=1)


class Host:
    """A running host process."""

    def __init__(self, web: Web, license_: SeatedLicense, mode: str, *more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HOST), web.url, license_.key, mode, *more],
            env={**os.environ, "PYTHONPATH": str(CLIENT / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def told(self) -> dict[str, Any]:
        """Return the next thing that it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.end()[1]
        told: dict[str, Any] = json.loads(line)
        return told

    def end(self) -> tuple[str, str]:
        """Let it end; return what it said on both streams."""
        return self.process.communicate(timeout=30)


class TestEnd:
    @pytest.mark.parametrize(("mode", "status"), [("wait", 0), ("raise", 1)])
    def test_gives_the_seat_back_by_itself(self, web: Web, license_: SeatedLicense, mode: str, status: int) -> None:
        host = Host(web, license_, mode)
        host.told()
        if mode == "wait":
            assert history.live(license_.id) == 1
        _, errors = host.end()
        assert host.process.returncode == status
        assert errors.count("Traceback") == status, errors
        assert history.live(license_.id) == 0

    def test_is_not_held_up_by_a_server_that_does_not_answer(self, web: Web, license_: SeatedLicense) -> None:
        host = Host(web, license_, "wait")
        host.told()
        web.kill()
        began = time.monotonic()
        _, errors = host.end()
        assert time.monotonic() - began < 5
        assert (host.process.returncode, errors) == (0, "")

    def test_by_force_leaves_the_seat_to_its_lease(self, web: Web, license_: SeatedLicense) -> None:
        host = Host(web, license_, "wait")
        host.told()
        host.process.kill()
        host.end()
        assert history.live(license_.id) == 1


class TestFork:
    def test_leaves_the_seat_to_the_parent_and_lets_the_child_ask_for_itself(
        self, web: Web, license_: SeatedLicense
    ) -> None:
        host = Host(web, license_, "fork")
        session = host.told()["session"]
        assert host.told() == {"child": "released", "checked": "seat_not_held", "validated": "VALID"}
        assert host.told() == {"parent": "active", "session": session}
        assert history.live(license_.id) == 1
        _, errors = host.end()
        assert (host.process.returncode, errors) == (0, "")
        assert history.live(license_.id) == 0
