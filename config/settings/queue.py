"""Settings of the job queue; the values and their reasons were measured (docs/adr/0002-queue.md)."""

PROCRASTINATE_ON_APP_READY = "config.kernel.worker.prepare"
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
PROCRASTINATE_WORKER_DEFAULTS = {
    "concurrency": 4,
    "update_heartbeat_interval": 2.0,
    "stalled_worker_timeout": 10.0,
    "fetch_job_polling_interval": 1.0,
    "shutdown_graceful_timeout": 20.0,
    "delete_jobs": "successful",
}
