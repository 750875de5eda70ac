"""The outbox: a mail is queued with what causes it, and sent by the worker, never lost.

It can be sent twice in one window only: the process dies after the provider took the mail and before that is recorded.
Such a mail is found in `sending` by the sweep, which logs it and sends it again.
"""

import json
import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now
from django.template import TemplateDoesNotExist
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from config.kernel import envelope, tasks
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context, system_context
from emails import providers
from emails.catalogue import EmailKind, check
from emails.errors import MailRefused, ProviderUnavailable
from emails.messages import Attachment, Message, render
from emails.models import EmailLog, EmailStatus

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
FIRST_PAUSE = timedelta(seconds=30)
"""Between attempts; doubles each time, so the eighth comes about an hour after the first."""
SENDING_AT_MOST = timedelta(minutes=5)


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
    with organization_context(organization_id):
        claimed = EmailLog.objects.filter(id=email_id, status=EmailStatus.QUEUED, next_attempt_at__lte=Now()).update(
            status=EmailStatus.SENDING, attempts=F("attempts") + 1, next_attempt_at=Now() + SENDING_AT_MOST
        )
        if not claimed:
            return
        email = EmailLog.objects.get(id=email_id)
    # Outside the transaction: a slow provider must hold no row.
    try:
        provider_id = _hand_over(_message(email))
    except (envelope.CannotDecrypt, TemplateDoesNotExist, ValueError, KeyError, TypeError) as error:
        # It cannot be made today, and will be no different tomorrow: set aside, where it is seen.
        _record(email, status=EmailStatus.FAILED, error=f"cannot be made: {type(error).__name__}: {error}")
    except MailRefused as error:
        _record(email, status=EmailStatus.FAILED, error=str(error))
    except ProviderUnavailable as error:
        last = email.attempts >= MOST_ATTEMPTS
        _record(email, status=EmailStatus.FAILED if last else EmailStatus.QUEUED, error=str(error))
    else:
        _record(email, status=EmailStatus.SENT, provider_id=provider_id)


def sweep() -> int:
    """Wake every mail that is due and has no job: backed off, or left `sending` by a process that died.

    Returns how many were woken.
    """
    with system_context(reason="find mails that are due"):
        due = list(
            EmailLog.objects.filter(
                status__in=[EmailStatus.QUEUED, EmailStatus.SENDING], next_attempt_at__lte=Now()
            ).values_list("organization_id", "id", "status")[:1000]
        )
    for organization_id, email_id, status in due:
        with organization_context(organization_id):
            if status == EmailStatus.SENDING:
                logger.warning("mail %s was left in sending; it may reach its reader twice", email_id)
                EmailLog.objects.filter(id=email_id, status=EmailStatus.SENDING, next_attempt_at__lte=Now()).update(
                    status=EmailStatus.QUEUED
                )
            tasks.enqueue("emails.send", organization_id=organization_id, email_id=email_id)
    return len(due)


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


def _hand_over(message: Message) -> str:
    """Give the mail to the provider, trying three times within one attempt; return the provider's id for it."""
    attempt = retry(
        retry=retry_if_exception_type(ProviderUnavailable),
        stop=stop_after_attempt(3),
        wait=wait_exponential(multiplier=0.5, max=4),
        reraise=True,
    )
    return attempt(providers.current().send)(message)


def _record(email: EmailLog, *, status: EmailStatus, provider_id: str = "", error: str = "") -> None:
    pause = FIRST_PAUSE * 2 ** (email.attempts - 1)
    done = status != EmailStatus.QUEUED
    with organization_context(email.organization_id):
        EmailLog.objects.filter(id=email.id).update(
            status=status,
            provider_id=provider_id,
            error=error[:2000],
            next_attempt_at=Now() + pause,
            sent_at=Now() if status == EmailStatus.SENT else None,
            **({"data": None} if done else {}),
        )
    if status == EmailStatus.FAILED:
        logger.error("mail %s of kind %s could not be sent: %s", email.id, email.kind, error)
