"""The outbox: a mail is queued with what causes it, and sent by the worker, never lost.

It can be sent twice in one window only: it was given to the provider, and the answer never came or was not recorded
(the process died). Such a mail stays in `sending` for a while, in which an event of the provider about it ends the
doubt; then it is sent again, and `uncertain_sends` says so.
"""

import json
import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.template import TemplateDoesNotExist

from config.kernel import envelope, tasks
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context, system_context
from emails import metrics, providers
from emails.catalogue import KINDS, EmailKind, check
from emails.errors import MailRefused, ProviderSilent, ProviderUnavailable
from emails.messages import Attachment, Message, render
from emails.models import EmailLog, EmailStatus
from emails.services import suppression
from emails.services.progress import advance

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 32
MOST_UNCERTAIN_SENDS = 8
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
"""Pauses between attempts double up to this, so the last attempt comes about a day after the first."""
HELD_FOR = timedelta(minutes=5)
"""How long a mail stays in `sending` for news of it; the provider's take seconds, and an attempt less than a minute.
Doubles with each uncertain send, up to an hour and twenty minutes."""


def queue(
    *,
    organization_id: UUID,
    kind: EmailKind,
    recipient: str,
    dedup_key: str,
    data: dict[str, Any],
    attachments: tuple[Attachment, ...] = (),
) -> None:
    """Queue a mail in the caller's transaction, which must be in the organization's context.

    `data` is what `catalogue.KINDS` declares for the kind, else WrongMailData is raised. A second call with the same
    `dedup_key` (say `license_issued:<id>`) does nothing.
    """
    check(kind=kind, data=data)
    email_id = new_id()
    payload = json.dumps({"data": data, "attachments": [asdict(attachment) for attachment in attachments]})
    EmailLog.objects.bulk_create(
        [
            EmailLog(
                id=email_id,
                organization_id=organization_id,
                kind=kind,
                recipient=recipient,
                data=envelope.wrap(payload.encode(), str(organization_id), "email.data", str(email_id)),
                dedup_key=dedup_key,
                next_attempt_at=Now(),
            )
        ],
        ignore_conflicts=True,
    )
    tasks.enqueue("emails.send", organization_id=organization_id, email_id=email_id)


def send(*, organization_id: UUID, email_id: UUID) -> None:
    """Send one queued mail if it is due; does nothing when it is sent, or being sent, already."""
    email = _claim(organization_id, email_id)
    if email is None:
        return
    # Outside any transaction: a slow provider must hold no row.
    try:
        provider_id = providers.hand_over(_message(email))
    except (envelope.CannotDecrypt, TemplateDoesNotExist, ValueError, KeyError, TypeError) as error:
        # It cannot be made today, and will be no different tomorrow: set aside, where it is seen.
        _give_up(email, f"cannot be made: {type(error).__name__}: {error}")
    except MailRefused as error:
        _give_up(email, str(error))
    except ProviderSilent as error:
        _wait(email, EmailStatus.SENDING, HELD_FOR * 2 ** min(email.uncertain_sends, 4), error)
    except ProviderUnavailable as error:
        if email.attempts >= MOST_ATTEMPTS:
            _give_up(email, str(error))
        else:
            pause = min(FIRST_PAUSE * 2 ** (email.attempts - 1), LONGEST_PAUSE)
            _wait(email, EmailStatus.QUEUED, max(pause, timedelta(seconds=error.retry_after)), error)
    else:
        with organization_context(organization_id):
            advance(email_id=email_id, to=EmailStatus.SENT, provider_id=provider_id)
        metrics.attempts.of(email.kind, "sent").inc()


def sweep() -> int:
    """Wake every mail that is due and has no job: backed off, or left in `sending` without an answer.

    Returns how many are due.
    """
    with system_context(reason="find mails that are due"):
        due = list(
            EmailLog.objects.filter(
                status__in=[EmailStatus.QUEUED, EmailStatus.SENDING], next_attempt_at__lte=Now()
            ).order_by("next_attempt_at")[:1000]
        )
    with transaction.atomic():
        known = tasks.waiting("emails.send", argument="email_id", among=[email.id for email in due])
    for email in due:
        if email.status == EmailStatus.SENDING and email.uncertain_sends >= MOST_UNCERTAIN_SENDS:
            _give_up(email, "no provider ever said whether it took the mail")
            continue
        with organization_context(email.organization_id):
            if email.status == EmailStatus.SENDING:
                _doubt(email)
            if email.id not in known:
                tasks.enqueue("emails.send", organization_id=email.organization_id, email_id=email.id)
    return len(due)


def _claim(organization_id: UUID, email_id: UUID) -> EmailLog | None:
    """Take a mail that is due, committed before anything else is done; None when it is not to be sent (any more)."""
    with organization_context(organization_id):
        claimed = EmailLog.objects.filter(id=email_id, status=EmailStatus.QUEUED, next_attempt_at__lte=Now()).update(
            status=EmailStatus.SENDING, attempts=F("attempts") + 1, next_attempt_at=Now() + HELD_FOR
        )
        if not claimed:
            return None
        email = EmailLog.objects.get(id=email_id)
        kind = KINDS.get(EmailKind(email.kind)) if email.kind in list(EmailKind) else None
        if not (kind and kind.security) and suppression.is_suppressed(address=email.recipient):
            advance(email_id=email_id, to=EmailStatus.SUPPRESSED, error="mail to this address bounced before")
            metrics.attempts.of(email.kind, "suppressed").inc()
            return None
        return email


def _doubt(email: EmailLog) -> None:
    """Queue a mail again of which nobody knows whether it was sent, and say so."""
    found = EmailLog.objects.filter(
        id=email.id, status=EmailStatus.SENDING, attempts=email.attempts, next_attempt_at__lte=Now()
    ).update(status=EmailStatus.QUEUED, uncertain_sends=F("uncertain_sends") + 1)
    if found:
        metrics.sent_again.of(email.kind).inc()
        logger.warning("mail %s was left in sending; it may reach its reader twice", email.id)


def _message(email: EmailLog) -> Message:
    context = (str(email.organization_id), "email.data", str(email.id))
    payload = json.loads(envelope.unwrap(bytes(email.data or b""), *context))
    attachments = tuple(Attachment(**attachment) for attachment in payload["attachments"])
    return render(
        id=email.id,
        organization_id=email.organization_id,
        kind=EmailKind(email.kind),
        recipient=email.recipient,
        data=payload["data"],
        attachments=attachments,
    )


def _wait(email: EmailLog, status: EmailStatus, pause: timedelta, error: Exception) -> None:
    """Leave a mail for later, if it is still ours: neither swept up meanwhile nor told of by the provider."""
    with organization_context(email.organization_id):
        EmailLog.objects.filter(id=email.id, status=EmailStatus.SENDING, attempts=email.attempts).update(
            status=status, error=str(error)[:2000], next_attempt_at=Now() + pause
        )
    metrics.attempts.of(email.kind, "silent" if status == EmailStatus.SENDING else "waits").inc()
    logger.warning("mail %s of kind %s waits: %s", email.id, email.kind, error)


def _give_up(email: EmailLog, error: str) -> None:
    with organization_context(email.organization_id):
        advance(email_id=email.id, to=EmailStatus.FAILED, error=error)
    metrics.attempts.of(email.kind, "given_up").inc()
    logger.error("mail %s of kind %s could not be sent: %s", email.id, email.kind, error)
