"""The quick start of client/README.md, run as it stands there against the real server."""

import re
from typing import Any

import pytest

from coditect_license.seat_life import Event, State
from tests.client.test_package import CLIENT
from tests.concurrency import history, seated_license
from tests.concurrency.web import Web

README = (CLIENT / "README.md").read_text()


def quick_start(*, url: str, license_key: str) -> dict[str, Any]:
    """Run the example for this server and licence; return its names."""
    (source,) = re.findall(r"```python\n(.*?)```", README, re.S)
    source = source.replace("https://licences.coditect.example", url).replace("CODITECT-…", license_key)
    names: dict[str, Any] = {}
    exec(compile(source, "README.md", "exec"), names)  # noqa: S102  (our own document)
    return names


class TestQuickStart:
    def test_holds_a_seat(self, web: Web, capsys: pytest.CaptureFixture[str]) -> None:
        license_ = seated_license.issue(seats=3)
        quick_start(url=web.url, license_key=license_.key)["client"].close()
        assert capsys.readouterr().out == "starter: seat 1 of 3\n"
        assert history.live(license_.id) == 0

    def test_says_what_to_do_when_it_is_refused(self, web: Web, capsys: pytest.CaptureFixture[str]) -> None:
        quick_start(url=web.url, license_key="CODITECT-0000-0000-0000-0000-0000")["client"].close()
        assert "Ask the user for the key again" in capsys.readouterr().out


class TestPage:
    def test_names_every_state_and_every_event(self) -> None:
        named = set(re.findall(r"`(\w+)`", README))
        assert {state.value for state in State} | {event.value for event in Event} <= named

    def test_shows_every_file(self) -> None:
        files = {path.name for path in (CLIENT / "src" / "coditect_license").glob("*.py")} - {"__init__.py", "clock.py"}
        assert files <= set(re.findall(r"(\w+\.py)`", README))
