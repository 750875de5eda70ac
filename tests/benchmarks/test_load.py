"""The generator of the load tells the truth: against a scripted server of our own on a free port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.benchmarks.load import FailedRunError, Job, Result, run

PLAN = {"access": "token", "license_key": "key", "license_keys": ["key"], "hardware_id": "machine"}
Script = Callable[[str, str], str]


def answer(status: str, body: str = "{}", *, header: str = "X-Nothing: 1") -> str:
    """One HTTP answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{header}\r\n\r\n{body}"


class Recorder:
    """Answers as the script says; remembers the requests of every connection, in order."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.connections: list[list[str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read requests and answer them until the other side closes."""
        seen: list[str] = []
        self.connections.append(seen)
        try:
            while line := (await reader.readline()).decode():
                headers = (await reader.readuntil(b"\r\n\r\n")).decode()
                lengths = [text.split(": ")[1] for text in headers.split("\r\n") if text.startswith("Content-Length")]
                body = (await reader.readexactly(int(lengths[0]))).decode() if lengths else ""
                seen.append(line.split(" ")[1])
                text = self.script(line.split(" ")[1], body)
                writer.write(text.encode())
                if "Connection: close" in text:
                    break
        finally:
            writer.close()


@asynccontextmanager
async def listening(recorder: Recorder) -> AsyncIterator[int]:
    """Serve on a free port for the time of the block."""
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def play(script: Script, scenario: str, *, connections: int = 1) -> tuple[Result, Recorder]:
    """Send a tenth of a second of load to a server with this script."""
    recorder = Recorder(script)

    async def whole() -> Result:
        async with listening(recorder) as port:
            return await run(Job(port, scenario, [dict(PLAN) for _ in range(connections)], 0.02, 0.1))

    return asyncio.run(whole()), recorder


class TestLoad:
    def test_keeps_each_connection_open_and_counts_every_answer(self) -> None:
        result, server = play(lambda path, body: answer("200 OK"), "empty_user", connections=3)

        assert len(server.connections) == 3
        assert result.answers["empty_user"] == sum(len(requests) for requests in server.connections)

    def test_counts_no_latency_from_the_warm_up(self) -> None:
        result, _ = play(lambda path, body: answer("200 OK"), "empty_user")

        assert 0 < len(result.latencies["empty_user"]) < result.answers["empty_user"]

    def test_opens_a_new_connection_when_the_server_closes(self) -> None:
        result, server = play(lambda path, body: answer("200 OK", header="Connection: close"), "empty_user")

        assert len(server.connections) == result.answers["empty_user"] > 1

    @pytest.mark.parametrize("status", ["401 Unauthorized", "429 Too Many Requests", "500 Oops", "204 No Content"])
    def test_an_unexpected_answer_fails_the_run(self, status: str) -> None:
        with pytest.raises(FailedRunError, match=status[:3]):
            play(lambda path, body: answer(status), "empty_user")

    def test_leaves_no_seat_taken(self) -> None:
        def script(path: str, body: str) -> str:
            if path.endswith("/release"):
                return answer("204 No Content", "")
            return answer("201 Created", '{"session_id": "1", "signed_token": "t", "degraded": false}')

        result, server = play(script, "acquire", connections=2)

        assert result.answers["acquire"] == result.answers["release"]
        assert all(requests[-1].endswith("/release") for requests in server.connections)

    def test_a_seat_granted_without_redis_fails_the_run(self) -> None:
        degraded = '{"session_id": "1", "signed_token": "t", "degraded": true}'

        with pytest.raises(RuntimeError, match="Redis"):
            play(lambda path, body: answer("201 Created", degraded), "acquire")
