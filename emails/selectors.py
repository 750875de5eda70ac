"""What may be known about an organization's mail."""

from dataclasses import dataclass
from datetime import datetime

from emails.models import EmailLog, SuppressedAddress


@dataclass(frozen=True)
class HeldBack:
    """An address that gets security mails only, and since when and why."""

    address: str
    reason: str
    since: datetime


def list_suppressed() -> list[HeldBack]:
    """Return the addresses held back in this organization's context, the newest first."""
    rows = list(SuppressedAddress.objects.all())
    addresses = dict(EmailLog.objects.filter(id__in=[row.email_id for row in rows]).values_list("id", "recipient"))
    return [HeldBack(addresses.get(row.email_id, ""), row.reason, row.created_at) for row in rows]
