"""The web servers that are compared: how each is started on the same application, and when it serves."""

import http.client
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.home import ROOT
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.process import Process
from deploy.local.stack import WEB_ARGV

START_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """One server with its settings. `argv` is for `python`, with `{address}` or `{port}` where that belongs."""

    name: str
    workers: int
    threads: int | None
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Running:
    """A server that serves: its port, and the session that it and its workers are in."""

    server: Server
    port: int
    session: int


def production() -> Server:
    """The server and settings the product is run with, wherever they are set."""
    argv = (*WEB_ARGV, "--host", LOOPBACK, "--port", "{port}", "config.wsgi:application")
    return Server("production", _option("--workers"), _option("--blocking-threads"), argv)


def contenders() -> list[Server]:
    """Every server, with 1 and 2 worker processes and, where it has them, 4, 8 and 16 threads."""
    found = []
    for workers in (1, 2):
        found += [_granian_wsgi(workers, threads) for threads in (4, 8, 16)]
        found += [_gunicorn_threads(workers, threads) for threads in (4, 8, 16)]
        found += [_gunicorn_sync(workers), _granian_asgi(workers), _uvicorn(workers)]
    return found


@contextmanager
def serving(server: Server, environ: Mapping[str, str], log: Path) -> Iterator[Running]:
    """Run a server for the time of the block; every one of its workers serves when the block begins.

    Raises RuntimeError with the end of its log when it does not come up.
    """
    port = free_port()
    argv = [word.format(port=port, address=f"{LOOPBACK}:{port}") for word in server.argv]
    process = Process([sys.executable, *argv], log=log, env=environ, cwd=ROOT)
    process.spawn()
    try:
        _wait_for_workers(process, port, server.workers)
        yield Running(server, port, process.pid)
    finally:
        process.stop()


def _wait_for_workers(process: Process, port: int, workers: int) -> None:
    # Connections opened while only one of two workers accepts would all stay with that one.
    seen: set[bytes] = set()
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while len(seen) < workers:
        if not process.running() or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not come up:\n{process.log_tail()}")
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
        try:
            connection.request("GET", "/api/benchmark/process", headers={"Connection": "close"})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            continue
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the server answers {answer.status}: {content[:300]!r}\n{process.log_tail()}")
        seen.add(content)


def _option(name: str) -> int:
    return int(WEB_ARGV[WEB_ARGV.index(name) + 1])


def _granian(interface: str, workers: int) -> tuple[str, ...]:
    common = ("-m", "granian", "--interface", interface, "--workers", str(workers), "--no-access-log")
    return (*common, "--respawn-failed-workers", "--host", LOOPBACK, "--port", "{port}")


def _granian_wsgi(workers: int, threads: int) -> Server:
    argv = (*_granian("wsgi", workers), "--blocking-threads", str(threads), "config.wsgi:application")
    return Server("granian wsgi", workers, threads, argv)


def _granian_asgi(workers: int) -> Server:
    return Server("granian asgi", workers, None, (*_granian("asgi", workers), "config.asgi:application"))


def _gunicorn(kind: str, workers: int) -> tuple[str, ...]:
    return ("-m", "gunicorn", "--worker-class", kind, "--workers", str(workers), "--bind", "{address}")


def _gunicorn_threads(workers: int, threads: int) -> Server:
    argv = (*_gunicorn("gthread", workers), "--threads", str(threads), "config.wsgi:application")
    return Server("gunicorn gthread", workers, threads, argv)


def _gunicorn_sync(workers: int) -> Server:
    return Server("gunicorn sync", workers, 1, (*_gunicorn("sync", workers), "config.wsgi:application"))


def _uvicorn(workers: int) -> Server:
    argv = ("-m", "uvicorn", "--workers", str(workers), "--no-access-log", "--log-level", "warning")
    return Server("uvicorn", workers, None, (*argv, "--host", LOOPBACK, "--port", "{port}", "config.asgi:application"))
