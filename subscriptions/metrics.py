"""What is counted about billing: the inbox of Stripe's events, and how far we differ from Stripe."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client.core import GaugeMetricFamily

from config.kernel import metrics
from config.kernel.errors import DomainError
from config.kernel.metrics import OTHER, figure
from subscriptions.event_types import EVENT_TYPES

received = metrics.counters("webhook_received", "Deliveries of Stripe's.", outcome=["stored", "repeated", "refused"])
processed = metrics.counters(
    "webhook_processed",
    "Attempts to apply an event; given_up is the last one, failed or not survived, after which it waits for staff.",
    type=[*EVENT_TYPES, OTHER],
    outcome=["completed", "set_back", "given_up"],
)
processing_seconds = metrics.histograms(
    "webhook_processing_seconds",
    "How long an attempt to apply an event took.",
    buckets=(0.025, 0.1, 0.25, 1, 2.5, 10, 30),
    type=[*EVENT_TYPES, OTHER],
)
missed_events = metrics.counter("billing_missed_events", "Events that Stripe had and we had not been told of.")


@contextmanager
def timed(event_type: str) -> Iterator[None]:
    """Time an attempt to apply an event, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        processing_seconds.of(event_type).observe(time.perf_counter() - began)


@contextmanager
def refusals_counted() -> Iterator[None]:
    """Count a delivery that is refused."""
    try:
        yield
    except DomainError:
        received.of("refused").inc()
        raise


# By the index `webhook_unfinished`: what is completed, nearly all of it, is not looked at.
_INBOX = """
select status, count(*), coalesce(extract(epoch from clock_timestamp() - min(received_at)), 0)
from subscriptions_webhookevent where status <> 'completed' group by 1
"""
_LAST_RUNS = """
select distinct on (kind) kind, extract(epoch from clock_timestamp() - finished_at), looked_at
from subscriptions_reconcilerun where finished_at is not null order by kind, id desc
"""
# A line of the sweep is a missed event, and has no field; whatever was not repaired says why, so only whether is told.
_DIFFERENCES = """
select run.kind, coalesce(line->>'field', 'event'),
  case when run.kind = 'events' or line->>'outcome' = 'repaired' then 'yes' else 'no' end, count(*)
from (select distinct on (kind) kind, report from subscriptions_reconcilerun
      where finished_at is not null order by kind, id desc) run, jsonb_array_elements(run.report) line
group by 1, 2, 3 limit 100
"""


@metrics.state("webhooks")
def _inbox() -> Iterable[GaugeMetricFamily]:
    found = {status: (count, age) for status, count, age in metrics.ask(_INBOX)}
    counts = {status: found.get(status, (0, 0)) for status in ("pending", "processing", "failed")}
    oldest = max(counts[status][1] for status in ("pending", "processing"))
    yield figure("webhook_events", "Events in the inbox that are not applied; `failed` ones wait for staff.",
                 [(status, count) for status, (count, _) in counts.items()], "status")  # fmt: skip
    yield figure("webhook_oldest_pending_seconds", "Age of the oldest event that is still to be applied.", [(oldest,)])


@metrics.state("reconcile")
def _reconcile() -> Iterable[GaugeMetricFamily]:
    runs, lines = metrics.ask(_LAST_RUNS), metrics.ask(_DIFFERENCES)
    ages = [(kind, age) for kind, age, _ in runs]
    totals = {(kind, repaired): 0 for kind, *_ in runs for repaired in ("yes", "no")}
    for kind, _, repaired, count in lines:
        totals[kind, repaired] += count
    yield figure("reconcile_age_seconds", "Since the last comparison with Stripe ended.", ages, "run")
    yield figure("reconcile_looked_at", "What it compared.", [(kind, seen) for kind, _, seen in runs], "run")
    yield figure("reconcile_differences", "What it found different.",
                 [(*labels, count) for labels, count in totals.items()], "run", "repaired")  # fmt: skip
    yield figure("reconcile_field_differences", "The same by field.", lines, "run", "field", "repaired")
