"""Addresses that get security mails only, because mail to them bounced or was called spam; an organization's own list.

One organization's bounce holds back no other's mail: nobody can silence an address for somebody else.
"""

from uuid import UUID

from config.kernel import tasks
from config.kernel.digests import keyed_hash
from config.kernel.tenancy import current_organization_id, organization_context
from emails import providers
from emails.models import EmailLog, SuppressedAddress, SuppressionReason


def suppress(*, email: EmailLog, reason: SuppressionReason) -> None:
    """Hold back later mail to the recipient of a mail, in the context of its organization; once is enough."""
    row = SuppressedAddress(
        organization_id=current_organization_id(),
        address_hash=_hash(email.recipient),
        reason=reason,
        email_id=email.id,
    )
    SuppressedAddress.objects.bulk_create([row], ignore_conflicts=True)


def is_suppressed(*, address: str) -> bool:
    """Return whether mail to an address is held back in this organization's context."""
    return SuppressedAddress.objects.filter(address_hash=_hash(address)).exists()


def lift(*, organization_id: UUID, address: str) -> bool:
    """Let an organization's mail reach an address again, at the provider as well; return False for one not held back.

    What was held back meanwhile is not sent.
    """
    with organization_context(organization_id):
        found = SuppressedAddress.objects.filter(address_hash=_hash(address)).first()
        if found is None:
            return False
        found.delete()
        tasks.enqueue("emails.release_address", organization_id=organization_id, email_id=found.email_id)
    return True


def release(*, organization_id: UUID, email_id: UUID) -> None:
    """Have the provider forget that the recipient of a mail bounced or complained; raises ProviderUnavailable."""
    with organization_context(organization_id):
        recipient = EmailLog.objects.filter(id=email_id).values_list("recipient", flat=True).first()
    if recipient is not None:
        providers.current().release(recipient)


def _hash(address: str) -> bytes:
    return keyed_hash("emails.suppressed", address.lower())
