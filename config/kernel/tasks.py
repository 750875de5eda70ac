"""Background work: a job is a row written in the transaction that caused it, run at least once by a worker.

Handlers take ids, make one call and are idempotent: a job killed half-way runs again. The queue is procrastinate
(docs/adr/0002-queue.md); nothing else in the project imports it.
"""

import logging
import time
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app as _app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task

from config.kernel.process_metrics import job_seconds, jobs_run

logger = logging.getLogger(__name__)

Handler = TypeVar("Handler", bound=Callable[..., None])

RETRY = RetryStrategy(max_attempts=10, exponential_wait=4)
"""Waits 4, 16, 64, … s between attempts, then the job stays `failed`, visible to staff."""


def task(name: str, *, retry: RetryStrategy = RETRY) -> Callable[[Handler], Handler]:
    """Register a function as the handler of jobs named `name` (`app.verb_object`)."""

    def register(handler: Handler) -> Handler:
        _app.task(name=name, retry=retry)(_told_when_failing(name, handler))
        return handler

    return register


def _told_when_failing(name: str, handler: Callable[..., None]) -> Callable[..., None]:
    """Log a failure where it happens: the queue keeps no traceback, and calls a failure that is retried information.

    Runs are counted as well.
    """
    done, failed, seconds = jobs_run.of(name, "done"), jobs_run.of(name, "failed"), job_seconds.of(name)

    def run(**arguments: Any) -> None:
        began = time.perf_counter()
        try:
            handler(**arguments)
        except Exception:
            failed.inc()
            logger.exception("job %s failed", name, extra={"arguments": arguments})
            raise
        else:
            done.inc()
        finally:
            seconds.observe(time.perf_counter() - began)

    return run


def periodic(name: str, *, cron: str) -> Callable[[Handler], Handler]:
    """Register a function to run on a cron schedule (UTC, seconds may be a sixth field), once for all workers.

    Ticks missed while no worker runs are skipped, so a periodic handler looks for all that is due, never for what
    became due since its last run.
    """

    def register(handler: Handler) -> Handler:
        def run(timestamp: int) -> None:
            handler()

        registered = _app.task(name=name, queueing_lock=name, retry=False)(_told_when_failing(name, run))
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
    if name not in _app.tasks:
        raise LookupError(f"no job is named {name}")
    configure_task(name=name, job_manager=_jobs()).defer(**plain)


def waiting(name: str, *, argument: str, among: Collection[UUID]) -> set[UUID]:
    """Return for which of these ids, as a job's `argument`, a job named `name` waits to be run now; in a worker only.

    For sweeps, which wake what has no job: without it each of them adds one more for everything that waits while the
    workers are behind. A job that is for later, or at work (its worker may have died), does not count.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args ->> %s FROM procrastinate_jobs WHERE task_name = %s AND status = 'todo' "
            "AND (scheduled_at IS NULL OR scheduled_at <= now()) AND args ->> %s = ANY(%s)",
            [argument, name, argument, [str(one) for one in among]],
        )
        return {UUID(found) for (found,) in cursor.fetchall()}


@lru_cache(maxsize=1)
def _jobs() -> JobManager:
    """Return the queue on Django's own connection.

    Inside a worker the queue's app holds a connection of its own, and a job enqueued over that would survive the
    rollback of the work that caused it, or run before its COMMIT. (A task's own `defer`, and an app made by
    `with_connector`, go over that connection as well.)
    """
    return JobManager(DjangoConnector())


def run_worker(*, until_idle: bool = False) -> None:
    """Run jobs until SIGTERM, or, with `until_idle`, only those that are due now.

    The latter is for tests, which depend on no time of day: nothing periodic is among its jobs.
    """
    once = {"wait": False, "install_signal_handlers": False, "listen_notify": False, "concurrency": 1}
    connector = _app.connector.get_worker_connector()  # type: ignore[attr-defined]  # what Django's has beyond the base
    with _app.replace_connector(connector) as app:
        periodic_tasks = app.periodic_registry.periodic_tasks
        app.periodic_registry.periodic_tasks = {} if until_idle else periodic_tasks
        try:
            app.run_worker(**(once if until_idle else {}))
        finally:
            app.periodic_registry.periodic_tasks = periodic_tasks
