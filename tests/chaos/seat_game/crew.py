"""The worker processes of a game: asked over pipes, stopped, killed at a named place and replaced."""

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Any, LiteralString

import psycopg

from tests.chaos.seat_game import worker
from tests.chaos.seat_game.calls import Call, Hello, Stopped
from tests.concurrency.seated_license import Row

PATIENCE_SECONDS = 20.0
_STUCK = "select count(distinct pid) from pg_locks where not granted"
_ALIVE = "select count(*) from pg_stat_activity where pid = any(%s)"


class Worker:
    """One process, forked from one that has everything imported: a few milliseconds."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.chaos.seat_game.worker"])
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=worker.serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        hello = self._hear(PATIENCE_SECONDS)
        assert isinstance(hello, Hello)
        self.backends = hello.backends
        self.pending = False
        self.heard: Any = None
        self.place: str | None = None

    def ask(self, call: Call) -> None:
        """Give it something to do, and do not wait."""
        self.pending, self.heard, self.place = True, None, None
        self.pipe.send(call)

    def do(self, call: Call) -> Any:
        """Give it something to do, and wait for the answer."""
        self.ask(call)
        return self.answer()

    def answer(self) -> Any:
        """Wait for the answer; one that is stopped goes on."""
        self.go_on()
        while self.heard is None:
            assert self.listen(PATIENCE_SECONDS), "a worker does not answer"
            self.go_on()
        return self.heard

    def listen(self, seconds: float) -> bool:
        """Hear what it has to say, if it does within the time; return whether it has answered or stopped by now."""
        if self.heard is None and self.place is None and self.pipe.poll(seconds):
            said = self.pipe.recv()
            if isinstance(said, Stopped):
                self.place = said.place
            else:
                self.heard, self.pending = said, False
        return self.heard is not None or self.place is not None

    def go_on(self) -> None:
        """Let it go on from where it stopped."""
        if self.place is not None:
            self.place = None
            self.pipe.send(None)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        self.pipe.close()

    def _hear(self, seconds: float) -> Any:
        pipe: Connection = self.pipe
        assert pipe.poll(seconds), "a worker does not start"
        return pipe.recv()


class Crew:
    """A few workers, seen with a connection to the database that waits for nobody."""

    def __init__(self, size: int, owner: psycopg.Connection[Row]) -> None:
        self._owner = owner
        self.workers = [Worker() for _ in range(size)]

    def settle(self) -> None:
        """Return when every worker that was asked has answered, stopped, or waits for a lock in the database."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            waiting = [one for one in self.workers if one.pending and not one.listen(0.001)]
            if not waiting or self._count(_STUCK) >= len(waiting):
                return
            assert time.monotonic() < deadline, "the workers come to no rest"

    def bury(self, dead: Worker) -> None:
        """Return when the database has noticed a death, and put another worker in its place."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._count(_ALIVE, list(dead.backends)):
            assert time.monotonic() < deadline, "a backend outlives its client"
            time.sleep(0.001)
        self.workers[self.workers.index(dead)] = Worker()

    def close(self) -> None:
        """End them all."""
        for one in self.workers:
            if one.process.is_alive():
                one.kill()

    def _count(self, query: LiteralString, *values: Any) -> int:
        row: Any = self._owner.execute(query, values).fetchone()
        assert row is not None
        count: int = row[0]
        return count
