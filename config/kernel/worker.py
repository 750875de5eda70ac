"""Guard rails of the queue's worker, which without them is neither crash-safe nor kill-safe (measured; see the ADR)."""

import asyncio
import logging
import secrets
from typing import Any

from procrastinate import App
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status

from config.kernel import idempotency

logger = logging.getLogger(__name__)

STALLED_AFTER_SECONDS = 10
MOST_RUNS = 5
"""A job that kills its process is given up after this many runs."""
_LOCK_INDEX = "procrastinate_jobs_lock_idx_v1"


def prepare(app: App) -> None:
    """Fit the queue with its guards; procrastinate calls this once when Django is ready."""
    _absorb_lock_races(app)

    @app.periodic(cron="* * * * * */5")
    @app.task(
        name="kernel.rescue_stalled_jobs", queueing_lock="kernel.rescue_stalled_jobs", priority=100, pass_context=False
    )
    async def rescue_stalled_jobs(timestamp: int) -> None:
        await rescue(app)

    @app.periodic(cron="17 * * * *")
    @app.task(name="kernel.forget_old_requests", queueing_lock="kernel.forget_old_requests", pass_context=False)
    def forget_old_requests(timestamp: int) -> None:
        idempotency.forget_old()


def _absorb_lock_races(app: App) -> None:
    """Make two workers that fetch jobs of one lock at once retry; unguarded, the loser's process dies."""
    manager: Any = app.job_manager
    fetch = manager.fetch_job

    async def fetch_job(*args: Any, **kwargs: Any) -> Job | None:
        for _ in range(5):
            try:
                job: Job | None = await fetch(*args, **kwargs)
            except UniqueViolation as error:
                if error.constraint_name != _LOCK_INDEX:
                    raise
                await asyncio.sleep(secrets.randbelow(45) / 1000 + 0.005)
            else:
                return job
        return None

    manager.fetch_job = fetch_job


async def rescue(app: App) -> None:
    """Give the jobs of dead workers back to the queue; nothing else does.

    It holds no lock, and a failure with one job leaves the others to be rescued.
    """
    manager = app.job_manager
    await manager.prune_stalled_workers(STALLED_AFTER_SECONDS)
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_SECONDS):
        try:
            if job.attempts + 1 >= MOST_RUNS:
                logger.error("job %s (%s) is given up: its worker died at each of %s runs", job.id, job.task_name,
                             MOST_RUNS)  # fmt: skip
                await manager.finish_job(job, status=Status.FAILED, delete_job=False)
            else:
                await manager.retry_job(job)
        except ConnectorException:
            logger.exception("could not rescue job %s", job.id)
