"""Asks Stripe for the events that never reached us, hourly: deliveries end after three days, outages may not."""

import logging
from datetime import datetime, timedelta

from config.kernel import clock
from subscriptions import metrics
from subscriptions.event_types import EVENT_TYPES
from subscriptions.models import ReconcileRun, RunKind
from subscriptions.services import webhooks
from subscriptions.stripe import reads
from subscriptions.stripe.shapes import event_from

logger = logging.getLogger(__name__)

OVERLAP = timedelta(hours=1)
"""How far before the last event seen a sweep begins: events appear in the list a little out of order."""
STRIPE_KEEPS = timedelta(days=30)


def sweep() -> ReconcileRun:
    """Store every event since the last sweep that is not in the inbox yet; return the run with its report.

    A sweep that fails half-way leaves the cursor where it was. Raises PaymentProviderUnavailable.
    """
    run = ReconcileRun(kind=RunKind.EVENTS, started_at=clock.now())
    since = _seen_until(run.started_at)
    missed = []
    for payload in reads.list_events(types=EVENT_TYPES, since=since - OVERLAP):
        event = event_from(payload)
        run.looked_at += 1
        run.seen_until = max(run.seen_until or since, event.created)
        if webhooks.store(event=event, payload=payload):
            missed.append(event)
    run.differences = len(missed)
    run.report = [{"event": one.id, "type": one.type, "created": one.created.isoformat()} for one in missed]
    run.seen_until = run.seen_until or since
    run.finished_at = clock.now()
    run.save()
    metrics.missed_events.inc(len(missed))
    if missed:
        logger.warning("%s events of Stripe's had not reached us", len(missed))
    return run


def _seen_until(now: datetime) -> datetime:
    """Return up to when all events are known to be stored; at first, the beginning of what Stripe keeps."""
    last = ReconcileRun.objects.filter(kind=RunKind.EVENTS, finished_at__isnull=False).first()
    earliest = now - STRIPE_KEEPS + OVERLAP
    return max(earliest, last.seen_until) if last and last.seen_until else earliest
