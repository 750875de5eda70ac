"""Asks Stripe for the events that never reached us, hourly: deliveries end after three days, outages may not."""

import logging
from datetime import datetime, timedelta
from typing import Any

from config.kernel import clock
from config.kernel.errors import DependencyUnavailable
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

    A sweep that fails half-way leaves the cursor where it was. An event that cannot be stored keeps none of the others
    from it. Raises PaymentProviderUnavailable.
    """
    run = ReconcileRun(kind=RunKind.EVENTS, started_at=clock.now())
    since = _seen_until(run.started_at)
    missed = []
    for payload in reads.list_events(types=EVENT_TYPES, since=since - OVERLAP):
        event = event_from(payload)
        run.looked_at += 1
        run.seen_until = max(run.seen_until or since, event.created)
        try:
            stored = webhooks.store(event=event, payload=_storable(payload))
        except DependencyUnavailable:  # it has been logged, and no later sweep would get past it
            continue
        if stored:
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
    seen = max(earliest, last.seen_until) if last and last.seen_until else earliest
    return min(seen, now)  # an event dated ahead, as test clocks date theirs, hides nothing that comes until then


def _storable(value: Any) -> Any:
    """Return a payload with what PostgreSQL cannot hold replaced (NUL, half a character): a text that means nothing."""
    if isinstance(value, dict):
        return {_storable(name): _storable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_storable(one) for one in value]
    if isinstance(value, str):
        return value.replace("\x00", "�").encode(errors="replace").decode()
    return value
