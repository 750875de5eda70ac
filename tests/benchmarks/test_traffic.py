"""The generator of open-loop traffic tells the truth: against a scripted server of our own on a free port."""

import asyncio
import itertools
import json
from collections import Counter
from typing import Any

import pytest

from tests.benchmarks.test_load import Recorder, Script, answer, listening
from tests.benchmarks.traffic import Clients, Job, Result, Traffic

NUMBERS = itertools.count()


def machines(present: int, away: int) -> list[dict[str, Any]]:
    """So many machines with and without a seat."""
    seats = [{"session_id": f"s{number}", "signed_token": "t"} for number in range(present)]
    return [{"license_key": "key", "hardware_id": "machine", "seat": seat} for seat in [*seats, *[None] * away]]


def served(path: str, body: str) -> str:
    """Answer as the product does."""
    if path.endswith("/acquire"):
        seat = {"session_id": f"new{next(NUMBERS)}", "signed_token": "t", "degraded": False}
        return answer("201 Created", json.dumps(seat))
    if path.endswith("/release"):
        return answer("204 No Content", "")
    return answer("200 OK", '{"signed_token": "next", "degraded": false}')


def play(script: Script, job: dict[str, Any]) -> tuple[Result, Recorder]:
    """Run a job against a server with this script."""
    recorder = Recorder(script)

    async def whole() -> Result:
        async with listening(recorder) as port:
            return await Traffic(Job(port=port, **job)).run()

    return asyncio.run(whole()), recorder


class TestTraffic:
    def test_sends_each_kind_at_its_rate_and_each_beat_once_an_interval(self) -> None:
        rates = {"acquire": 20.0, "release": 20.0, "validate": 50.0, "empty_seat": 50.0}

        result, _ = play(served, {"seconds": 1.0, "machines": machines(100, 20), "rates": rates, "beat_seconds": 10.0})

        assert not result.errors
        assert {kind: len(found) for kind, found in result.latencies.items() if kind != "heartbeat"} == {
            "acquire": 20,
            "release": 20,
            "validate": 50,
            "empty_seat": 50,
        }
        assert 7 <= len(result.latencies["heartbeat"]) <= 10  # less whoever left before its beat

    def test_believes_in_what_was_granted_and_not_in_what_was_given_back(self) -> None:
        rates = {"acquire": 10.0, "release": 20.0}

        result, _ = play(served, {"seconds": 1.0, "machines": machines(30, 10), "rates": rates, "beat_seconds": 100.0})

        assert len(result.believed) == len(set(result.believed)) == 30 + 10 - 20
        assert any(session.startswith("new") for session in result.believed)

    def test_a_server_that_stops_is_charged_for_all_that_came_due_meanwhile(self) -> None:
        class Stopping(Recorder):
            async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                opens = asyncio.get_running_loop().time() + (0 if self.connections else 0.4)
                self.opens = getattr(self, "opens", opens)
                await asyncio.sleep(max(0.0, self.opens - asyncio.get_running_loop().time()))
                await super().serve(reader, writer)

        async def whole() -> Result:
            async with listening(Stopping(served)) as port:
                return await Traffic(Job(port, 0.6, machines(1, 0), {"validate": 50.0})).run()

        waited = asyncio.run(whole()).latencies["validate"]

        assert len(waited) == 30
        assert sum(took > 90 for took in waited) >= 12  # 20 came due in those 0.4 s; a closed loop would have one
        assert max(waited) > 350

    def test_a_beat_carries_the_token_of_the_last_answer(self) -> None:
        tokens: list[str] = []

        def noting(path: str, body: str) -> str:
            tokens.append(json.loads(body)["signed_token"])
            return answer("200 OK", '{"signed_token": "next", "degraded": true}')

        result, _ = play(noting, {"seconds": 0.5, "machines": machines(1, 0), "rates": {}, "beat_seconds": 0.1})

        assert tokens[:2] == ["t", "next"]
        assert result.degraded == {"heartbeat": len(tokens)}

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            (answer("429 Too Many", '{"errors": [{"code": "no_seats_available"}]}'), "429 no_seats_available"),
            (answer("502 Bad Gateway", "<html>"), "502 <html>"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n{", "IncompleteReadError"),
        ],
    )
    def test_counts_what_was_not_the_expected_answer(self, text: str, error: str) -> None:
        job = {"seconds": 0.1, "machines": machines(1, 0), "rates": {"validate": 50.0}}

        result, _ = play(lambda path, body: text, job)

        assert result.errors == {f"validate: {error}": 5, f"heartbeat: {error}": 1}
        assert not result.latencies

    def test_nobody_there_is_an_error(self) -> None:
        result = asyncio.run(Traffic(Job(1, 0.1, machines(1, 0), {"validate": 50.0})).run())

        assert result.errors == {"validate: ConnectionRefusedError": 5, "heartbeat: ConnectionRefusedError": 1}


class TestClients:
    def test_no_beat_is_later_than_an_interval_after_the_last(self) -> None:
        clients = Clients(machines(50, 0), 10.0)
        beats: dict[str, list[float]] = {}
        while (due := clients.next_beat()) < 100:
            beats.setdefault(clients.beater()["seat"]["session_id"], []).append(due)

        apart = [later - earlier for each in beats.values() for earlier, later in itertools.pairwise(each)]
        assert len(beats) == 50
        assert min(apart) >= 9.5
        assert max(apart) <= 10.0
        assert max(Counter(int(each[0]) for each in beats.values()).values()) <= 6  # spread evenly

    def test_who_leaves_beats_no_more_until_it_comes_again(self) -> None:
        clients = Clients(machines(1, 0), 10.0)
        machine, seat = clients.leaver()

        assert seat["session_id"] == "s0"
        assert clients.next_beat() == float("inf")
        clients.left(machine)
        assert clients.comer() is machine
        clients.came(machine, {"session_id": "again", "signed_token": "t"}, due=3.0)
        assert 12.5 <= clients.next_beat() <= 13.0

    def test_who_waits_for_the_answer_to_a_beat_does_not_leave(self) -> None:
        clients = Clients(machines(2, 0), 10.0)
        clients.beater()["beating"] = True

        machine, seat = clients.leaver()

        assert seat["session_id"] == "s1"
        assert machine["seat"] is None
