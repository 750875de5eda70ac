"""Background work: a job is a row written in the transaction that caused it, run at least once by a worker.

Handlers take ids, make one call and are idempotent: a job killed half-way runs again. The queue is procrastinate
(docs/adr/0002-queue.md); nothing else in the project imports it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from procrastinate import App, RetryStrategy
from procrastinate.contrib.django import app as _app
from procrastinate.contrib.django.django_connector import DjangoConnector

Handler = TypeVar("Handler", bound=Callable[..., None])

RETRY = RetryStrategy(max_attempts=10, exponential_wait=4)
"""Waits 4, 16, 64, … s between attempts, then the job stays `failed`, visible to staff."""


def task(name: str, *, retry: RetryStrategy = RETRY) -> Callable[[Handler], Handler]:
    """Register a function as the handler of jobs named `name` (`app.verb_object`)."""

    def register(handler: Handler) -> Handler:
        _app.task(name=name, retry=retry)(handler)
        return handler

    return register


def periodic(name: str, *, cron: str) -> Callable[[Handler], Handler]:
    """Register a function to run on a cron schedule (UTC, seconds may be a sixth field), once for all workers.

    Ticks missed while no worker runs are skipped, so a periodic handler looks for all that is due, never for what
    became due since its last run.
    """

    def register(handler: Handler) -> Handler:
        def run(timestamp: int) -> None:
            handler()

        registered = _app.task(name=name, queueing_lock=name, retry=False)(run)
        _app.periodic(cron=cron)(registered)
        return handler

    return register


def enqueue(name: str, **arguments: UUID | str | int) -> None:
    """Add a job to the queue, in the current transaction: a rollback removes it.

    Arguments are ids and small facts, never personal data: the queue's tables stand outside the tenant walls.
    Raises RuntimeError outside a transaction, where the job and its cause could part.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a job is enqueued in the transaction that causes it")
    plain: dict[str, Any] = {key: str(value) if isinstance(value, UUID) else value for key, value in arguments.items()}
    _enqueuing_app().configure_task(name, allow_unknown=False).defer(**plain)


@lru_cache(maxsize=1)
def _enqueuing_app() -> App:
    """Return the queue on Django's own connection.

    Inside a worker the queue's app holds a connection of its own, and a job enqueued over that would survive the
    rollback of the work that caused it.
    """
    return _app.with_connector(DjangoConnector())


def run_worker(*, until_idle: bool = False) -> None:
    """Run jobs until SIGTERM, or, with `until_idle`, only those that are due now (for tests)."""
    once = {"wait": False, "install_signal_handlers": False, "listen_notify": False, "concurrency": 1}
    with _app.replace_connector(_app.connector.get_worker_connector()) as app:  # type: ignore[attr-defined]
        app.run_worker(**(once if until_idle else {}))
