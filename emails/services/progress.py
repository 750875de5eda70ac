"""Moves a mail up the ladder of EmailStatus, whoever knows: our own worker, or the provider."""

from uuid import UUID

from django.db.models import Case, F, TextField, Value, When
from django.db.models.functions import Coalesce, Now

from emails.models import EmailLog, EmailStatus

_LEFT_US = {EmailStatus.SENT, EmailStatus.DELIVERED, EmailStatus.BOUNCED}


def advance(*, email_id: UUID, to: EmailStatus, provider_id: str = "", error: str = "") -> None:
    """Raise a mail to a status that is final for us, within its organization's context; never lowers it.

    Nothing of it waits any more, so what it was filled with is erased.
    """
    rises = When(status__in=to.beneath, then=Value(to))
    EmailLog.objects.filter(id=email_id).update(
        status=Case(rises, default=F("status")),
        error=Case(When(status__in=to.beneath, then=Value(error[:2000])), default=F("error"), output_field=TextField()),
        provider_id=Case(When(provider_id="", then=Value(provider_id[:200])), default=F("provider_id")),
        sent_at=Coalesce(F("sent_at"), Now()) if to in _LEFT_US else F("sent_at"),
        data=None,
    )
