"""What the provider tells about mails it took: stored, answered, and applied by a worker."""

import logging
from datetime import timedelta
from uuid import UUID

from django.db import DataError, transaction
from django.db.models.functions import Now

from config.kernel import tasks
from config.kernel.errors import DependencyUnavailable
from config.kernel.tenancy import organization_context
from emails import metrics
from emails.models import EmailLog, EmailStatus, ProviderEvent
from emails.providers import sendgrid_events
from emails.services import suppression
from emails.services.progress import advance

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=30)
"""An event that is delivered again after that long is applied again, which changes nothing."""
AT_ONCE = 1000


def receive(*, body: bytes, signature: str, timestamp: str) -> None:
    """Store a signed delivery, each event once, and have it applied.

    Raises DeliveryRefused, having stored nothing, for one that is not SendGrid's, and DependencyUnavailable when it
    cannot be stored: SendGrid then delivers it again, for a day.
    """
    events = sendgrid_events.verify(body=body, signature=signature, timestamp=timestamp)
    if not events:
        return
    rows = [ProviderEvent(provider_event_id=event["id"], payload=event) for event in events]
    try:
        with transaction.atomic():
            ProviderEvent.objects.bulk_create(rows, ignore_conflicts=True)
            tasks.enqueue("emails.apply_events")
    except DataError as error:
        logger.error("a delivery of %s events cannot be stored", len(events))  # noqa: TRY400  (it quotes them)
        raise DependencyUnavailable from error


def apply_waiting() -> int:
    """Apply every event that waits, oldest first; return how many were found."""
    waiting = list(ProviderEvent.objects.filter(applied_at=None).order_by("id").values_list("id", "payload")[:AT_ONCE])
    for event_id, payload in waiting:
        # Only a mail of the organization that the event names is seen in here, whatever id it brings.
        with organization_context(UUID(payload["organization_id"])):
            mine = ProviderEvent.objects.select_for_update(no_key=True, skip_locked=True)
            if mine.filter(id=event_id, applied_at=None).exists():
                _apply(payload)
                ProviderEvent.objects.filter(id=event_id).update(applied_at=Now())
    return len(waiting)


def forget_old() -> None:
    """Delete events that were applied long ago."""
    ProviderEvent.objects.filter(applied_at__lt=Now() - KEPT_FOR).delete()


def _apply(event: dict[str, str]) -> None:
    email = EmailLog.objects.filter(id=UUID(event["outbox_id"])).first()
    if email is None:
        return
    meant = sendgrid_events.meaning(event)
    metrics.news.of(meant.status).inc()
    if email.uncertain_sends and email.provider_id not in {"", event["message_id"]}:
        logger.error("mail %s was sent twice: the provider names two messages", email.id)
    held_up = meant.status in {EmailStatus.BOUNCED, EmailStatus.SUPPRESSED}
    told = f"{event['event']} {event['type']}: {event['reason']}" if held_up else ""
    advance(email_id=email.id, to=meant.status, provider_id=event["message_id"], error=told)
    if meant.suppression is not None:
        suppression.suppress(email=email, reason=meant.suppression)
