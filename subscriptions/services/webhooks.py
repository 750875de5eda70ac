"""The webhook inbox: what Stripe sends is stored, answered, and applied later by a worker, once."""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DataError, transaction
from django.db.models import F
from django.db.models.functions import Now

from config.kernel import clock, tasks
from config.kernel.errors import DependencyUnavailable, DomainError
from config.kernel.ids import new_id
from config.kernel.tenancy import system_context
from subscriptions import metrics
from subscriptions.errors import EventNotApplicable, WebhookEventForgotten, WebhookEventNotFound
from subscriptions.models import WebhookEvent, WebhookStatus
from subscriptions.services import stripe_events
from subscriptions.stripe import signatures
from subscriptions.stripe.client import API_VERSION
from subscriptions.stripe.shapes import StripeEvent
from users.services import audit

logger = logging.getLogger(__name__)

OUR_TRAIN = API_VERSION.rpartition(".")[2]
MOST_ATTEMPTS = 14
"""The last is made about 32 hours after the first."""
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
PROCESSING_AT_MOST = timedelta(minutes=2)
"""How long a worker may hold an event; after that it is taken for dead, and the event for due."""
PAYLOADS_KEPT = timedelta(days=90)


def receive(*, body: bytes, signature: str) -> bool:
    """Store a signed event and queue its processing; return False for one that is stored already.

    Raises WebhookRefused, having stored nothing, unless Stripe signed it within the last five minutes, and
    DependencyUnavailable for a signed one that PostgreSQL cannot hold (a NUL in a text): Stripe keeps it and shows it.
    """
    with metrics.refusals_counted():
        event, payload = signatures.verify(body=body, signature=signature)
    if not event.api_version.endswith(OUR_TRAIN):
        # It is applied all the same: shapes of every train are known, and state is fetched in ours.
        logger.warning("webhook event %.128s is of the API version %.40s", event.id, event.api_version)
    stored = store(event=event, payload=payload)
    metrics.received.of("stored" if stored else "repeated").inc()
    return stored


def store(*, event: StripeEvent, payload: dict[str, Any]) -> bool:
    """Store an event and queue its processing; return False for one that is stored already.

    Raises DependencyUnavailable for one that PostgreSQL cannot hold.
    """
    row = WebhookEvent(
        id=new_id(),
        stripe_event_id=event.id,
        event_type=event.type,
        payload=payload,
        occurred_at=event.created,
        api_version=event.api_version[:40],
        next_attempt_at=clock.now(),
    )
    try:
        with transaction.atomic():
            WebhookEvent.objects.bulk_create([row], ignore_conflicts=True)
            if not WebhookEvent.objects.filter(id=row.id).exists():
                return False
            tasks.enqueue("subscriptions.process_webhook_event", event_id=row.id)
    except DataError as error:
        logger.error("webhook event %.128s cannot be stored", event.id)  # noqa: TRY400  (it quotes the payload)
        raise DependencyUnavailable from error
    return True


def process(*, event_id: UUID) -> None:
    """Apply one event if it is due and nobody else is at it; a failure leaves it due again later, then `failed`."""
    due = WebhookEvent.objects.filter(
        id=event_id,
        status__in=[WebhookStatus.PENDING, WebhookStatus.PROCESSING],
        next_attempt_at__lte=Now(),
    )
    claimed = due.filter(attempts__lt=MOST_ATTEMPTS).update(
        status=WebhookStatus.PROCESSING, attempts=F("attempts") + 1, next_attempt_at=Now() + PROCESSING_AT_MOST
    )
    if not claimed:
        # Nobody lived to set it back after its last attempt: it would go on killing workers for ever. One that has
        # attempts left may have fallen due only now, and is the next job's.
        lost = due.filter(attempts__gte=MOST_ATTEMPTS)
        if lost.update(status=WebhookStatus.FAILED, error="the worker died, or took too long, at the last attempt"):
            event = WebhookEvent.objects.get(id=event_id)
            metrics.processed.of(event.event_type, "given_up").inc()
            logger.error("webhook event %s (%s) is given up: no worker survived its last attempt",
                         event.stripe_event_id, event.event_type)  # fmt: skip
        return
    event = WebhookEvent.objects.get(id=event_id)
    try:
        with metrics.timed(event.event_type):
            stripe_events.apply(event=event)
    except (EventNotApplicable, DomainError) as error:
        _set_back(event, error)
    except Exception as error:
        # Whatever it is, the event must be seen as failing, not as being processed; then the job fails loudly.
        _set_back(event, error)
        raise
    else:
        metrics.processed.of(event.event_type, "completed").inc()


def sweep() -> int:
    """Wake every event that is due and has no job: backed off, or left by a worker that died. Returns how many."""
    with system_context(reason="find webhook events that are due"):
        due = list(
            WebhookEvent.objects.filter(
                status__in=[WebhookStatus.PENDING, WebhookStatus.PROCESSING], next_attempt_at__lte=Now()
            )
            .order_by("id")
            .values_list("id", flat=True)[:1000]
        )
    with transaction.atomic():
        known = tasks.waiting("subscriptions.process_webhook_event", argument="event_id", among=due)
        jobless = [event_id for event_id in due if event_id not in known]
        for event_id in jobless:
            tasks.enqueue("subscriptions.process_webhook_event", event_id=event_id)
    return len(jobless)


def list_failed() -> list[WebhookEvent]:
    """Return the events that were set aside after their last attempt, oldest first; for staff."""
    with system_context(reason="list webhook events that failed"):
        return list(WebhookEvent.objects.filter(status=WebhookStatus.FAILED).order_by("id"))


def get_event(*, stripe_event_id: str) -> WebhookEvent:
    """Return a stored event by its id at Stripe, for staff; raises WebhookEventNotFound."""
    with system_context(reason="look up a webhook event"):
        event = WebhookEvent.objects.filter(stripe_event_id=stripe_event_id).first()
    if event is None:
        raise WebhookEventNotFound
    return event


def replay(*, event_id: UUID, actor_id: UUID | None) -> None:
    """Apply an event again, for staff: one that failed, or one that was applied, which changes nothing.

    `actor_id` is None for whoever asks from a shell of the service.

    Raises WebhookEventNotFound, WebhookEventForgotten.
    """
    with system_context(reason="replay a webhook event"):
        event = WebhookEvent.objects.filter(id=event_id).first()
        if event is None:
            raise WebhookEventNotFound
        if event.payload is None:
            raise WebhookEventForgotten
        WebhookEvent.objects.filter(id=event_id).exclude(status=WebhookStatus.PROCESSING).update(
            status=WebhookStatus.PENDING, attempts=0, next_attempt_at=Now()
        )
    # Should we die here, the sweep finds the event, due and without a job.
    with transaction.atomic():
        tasks.enqueue("subscriptions.process_webhook_event", event_id=event_id)
        audit.record(
            action="WEBHOOK_EVENT_REPLAYED",
            organization_id=None,
            object_type="webhook_event",
            object_id=event_id,
            actor_id=actor_id,
            stripe_event_id=event.stripe_event_id,
            before=event.status,
        )


def forget_old() -> int:
    """Forget the payloads of events that were applied more than 90 days ago; return how many."""
    applied = WebhookEvent.objects.filter(status=WebhookStatus.COMPLETED, payload__isnull=False)
    return applied.filter(received_at__lt=Now() - PAYLOADS_KEPT).update(payload=None)


def _set_back(event: WebhookEvent, error: Exception) -> None:
    last = event.attempts >= MOST_ATTEMPTS
    pause = min(FIRST_PAUSE * 2 ** (event.attempts - 1), LONGEST_PAUSE)
    # Only while it is ours: a finished event is never set back, nor one counted twice that another has given up.
    ours = WebhookEvent.objects.filter(id=event.id, status=WebhookStatus.PROCESSING, attempts=event.attempts)
    if ours.update(
        status=WebhookStatus.FAILED if last else WebhookStatus.PENDING,
        error=f"{type(error).__name__}: {error}"[:2000],
        next_attempt_at=Now() + pause,
    ):
        metrics.processed.of(event.event_type, "given_up" if last else "set_back").inc()
    logger.warning("webhook event %s (%s) could not be applied: %s", event.stripe_event_id, event.event_type, error)
