"""The webhook inbox: what Stripe sends is stored, answered, and applied later by a worker, once."""

import logging
from datetime import timedelta
from uuid import UUID

from django.db import DataError, transaction
from django.db.models import F
from django.db.models.functions import Now

from config.kernel import clock, tasks
from config.kernel.errors import DependencyUnavailable, DomainError
from config.kernel.ids import new_id
from config.kernel.tenancy import system_context
from subscriptions.errors import EventNotApplicable
from subscriptions.models import WebhookEvent, WebhookStatus
from subscriptions.services import stripe_events
from subscriptions.stripe import signatures

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=6)
PROCESSING_AT_MOST = timedelta(minutes=2)
"""How long a worker may hold an event; after that it is taken for dead, and the event for due."""


def receive(*, body: bytes, signature: str) -> bool:
    """Store a signed event and queue its processing; return False for one that is stored already.

    Raises WebhookRefused, having stored nothing, unless Stripe signed it within the last five minutes, and
    DependencyUnavailable for a signed one that PostgreSQL cannot hold (a NUL in a text): Stripe keeps it and shows it.
    """
    event, payload = signatures.verify(body=body, signature=signature)
    row = WebhookEvent(
        id=new_id(),
        stripe_event_id=event.id,
        event_type=event.type,
        payload=payload,
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
    claimed = WebhookEvent.objects.filter(
        id=event_id,
        status__in=[WebhookStatus.PENDING, WebhookStatus.PROCESSING],
        next_attempt_at__lte=Now(),
    ).update(status=WebhookStatus.PROCESSING, attempts=F("attempts") + 1, next_attempt_at=Now() + PROCESSING_AT_MOST)
    if not claimed:
        return
    event = WebhookEvent.objects.get(id=event_id)
    try:
        stripe_events.apply(event=event)
    except (EventNotApplicable, DomainError) as error:
        _set_back(event, error)
    except Exception as error:
        # Whatever it is, the event must be seen as failing, not as being processed; then the job fails loudly.
        _set_back(event, error)
        raise


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
        for event_id in due:
            tasks.enqueue("subscriptions.process_webhook_event", event_id=event_id)
    return len(due)


def _set_back(event: WebhookEvent, error: Exception) -> None:
    last = event.attempts >= MOST_ATTEMPTS
    pause = min(FIRST_PAUSE * 2 ** (event.attempts - 1), LONGEST_PAUSE)
    # Only while it is ours: a finished event is never set back.
    WebhookEvent.objects.filter(id=event.id, status=WebhookStatus.PROCESSING, attempts=event.attempts).update(
        status=WebhookStatus.FAILED if last else WebhookStatus.PENDING,
        error=f"{type(error).__name__}: {error}"[:2000],
        next_attempt_at=Now() + pause,
    )
    logger.warning("webhook event %s (%s) could not be applied: %s", event.stripe_event_id, event.event_type, error)
