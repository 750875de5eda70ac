"""Reads of the users app."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from config.kernel.tenancy import organization_context
from users.models import AuditEntry, Authenticator, RecoveryCode, Session, User


def get_user(*, user_id: UUID) -> User:
    """Return a user by id; raises User.DoesNotExist."""
    return User.objects.get(id=user_id)


def find_user(*, user_id: UUID) -> User | None:
    """Return a user by id, or None."""
    return User.objects.filter(id=user_id).first()


def list_sessions(*, user_id: UUID) -> QuerySet[Session]:
    """Return the sessions in which a user is signed in now, newest first."""
    return Session.objects.filter(user_id=user_id, revoked_at=None, expires_at__gt=Now()).order_by("-id")


def has_second_factor(*, user_id: UUID) -> bool:
    """Return whether a user has an authenticator app that is confirmed."""
    return Authenticator.objects.filter(user_id=user_id, confirmed_at__isnull=False).exists()


def find_authenticator(*, user_id: UUID) -> Authenticator | None:
    """Return the confirmed authenticator app of a user, or None."""
    return Authenticator.objects.filter(user_id=user_id, confirmed_at__isnull=False).first()


def count_recovery_codes(*, user_id: UUID) -> int:
    """Return how many recovery codes a user has left."""
    return RecoveryCode.objects.filter(user_id=user_id, used_at=None).count()


def list_audit_entries() -> QuerySet[AuditEntry]:
    """Return the current organization's audit log with the seals, newest first."""
    return AuditEntry.objects.select_related("seal").order_by("-id")


def in_batches(rows: QuerySet[AuditEntry], *, organization_id: UUID, size: int = 1000) -> Iterator[list[AuditEntry]]:
    """Yield rows of `list_audit_entries`, however many, a batch at a time.

    Each batch is read in a context of its own, so that nothing is held while its reader takes their time.
    """
    last: UUID | None = None
    while True:
        with organization_context(organization_id):
            batch = list((rows if last is None else rows.filter(id__lt=last))[:size])
        yield batch
        if len(batch) < size:
            return
        last = batch[-1].id
