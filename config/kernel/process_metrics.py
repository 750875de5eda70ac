"""What the kernel counts: jobs, Redis behind its breaker, PostgreSQL's pools, the process itself."""

from collections.abc import Iterable, Iterator

from django.db import connections
from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from config.kernel import metrics
from config.kernel.metrics import ANY_VALUE, REGISTRY, figure

JOB_OUTCOMES = ("done", "failed")

# The names of jobs are those of the code, each declared when its handler is (config/kernel/tasks.py).
jobs_run = metrics.counters("jobs_run", "Runs of jobs in this process.", job=ANY_VALUE, outcome=JOB_OUTCOMES)
job_seconds = metrics.histograms(
    "job_seconds", "How long a run of a job took.", buckets=(0.01, 0.05, 0.25, 1, 5, 30, 120), job=ANY_VALUE
)
redis_calls_lost = metrics.counters(
    "redis_calls_lost", "Calls that went without Redis: it failed, or the breaker was open.", reason=("failed", "open")
)
breaker_open = metrics.gauge("redis_breaker_open", "1 while this process goes on without Redis.")
database_unreachable = metrics.counter(
    "database_unreachable", "Requests that could not be given a connection to PostgreSQL."
)

_JOBS = """
select queue_name, status::text, count(*) from procrastinate_jobs where status in ('todo', 'doing', 'failed')
group by 1, 2 order by 3 desc limit 60
"""
# The queue keeps no time of a job that is due at once, except in its events.
_OLDEST_DUE = """
select coalesce(extract(epoch from clock_timestamp() - coalesce(j.scheduled_at,
  (select min(e.at) from procrastinate_events e where e.job_id = j.id and e.type = 'deferred'))), 0)
from procrastinate_jobs j where j.status = 'todo' and (j.scheduled_at is null or j.scheduled_at <= now())
order by j.id limit 1
"""
_WORKERS = "select count(*) from procrastinate_workers where last_heartbeat > now() - interval '30 seconds'"


@metrics.state("jobs")
def _jobs() -> Iterable[GaugeMetricFamily]:
    about = "Jobs in the queue that wait (todo), run (doing) or were given up (failed)."
    found = {(queue, status): count for queue, status, count in metrics.ask(_JOBS)}
    counts = {("default", status): 0 for status in ("todo", "doing", "failed")} | found
    yield figure("jobs", about, [(*labels, count) for labels, count in counts.items()], "queue", "status")
    oldest = metrics.ask(_OLDEST_DUE) or [(0,)]
    yield figure("jobs_oldest_due_seconds", "For how long the oldest job that is due has been waiting.", oldest)
    yield figure("workers", "Workers that were heard of within 30 s.", metrics.ask(_WORKERS))


class PoolCollector(Collector):
    """Tells how full this process's pools of connections are; one that was not opened yet is not opened by this."""

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing beforehand."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the pools' figures."""
        sizes, waiting = [], []
        for alias in connections:
            pool = getattr(connections[alias], "_connection_pools", {}).get(alias)
            if pool is not None:
                stats = pool.get_stats()
                idle = stats.get("pool_available", 0)
                sizes += [(alias, "idle", idle), (alias, "busy", stats.get("pool_size", 0) - idle)]
                waiting.append((alias, stats.get("requests_waiting", 0)))
        yield figure("database_connections", "Connections of this process to PostgreSQL.", sizes, "alias", "state")
        yield figure("database_waiting", "Threads that wait for a connection to PostgreSQL.", waiting, "alias")


REGISTRY.register(PoolCollector())
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
