"""Mails about a person's account. They belong to the organization that the person calls home.

Requests that name an address answer the same, after the same work, whether or not it has an account: each looks the
address up and queues one job, and the job finds out whether there is anybody to write to.
"""

from contextlib import AbstractContextManager
from uuid import UUID

from django.conf import settings
from django.db import transaction

from config.kernel import tasks
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from emails.catalogue import KINDS, EmailKind
from emails.services import outbox
from users.models import TokenPurpose, User
from users.selectors import find_user
from users.services import accounts, one_time_tokens


def request_verification(*, email: str) -> None:
    """Have the verification mail sent again, if the address has an account that waits for it."""
    _enqueue("organizations.send_verification", accounts.find_unverified(email=email))


def request_password_reset(*, email: str) -> None:
    """Have a link to set a new password sent, if the address has an active account."""
    _enqueue("organizations.send_password_reset", accounts.find_active(email=email))


def send_verification(*, user_id: UUID) -> None:
    """Send a new verification link, which voids the older ones."""
    user = find_user(user_id=user_id)
    if user is not None and not user.email_verified:
        queue_verification(user=user)


def send_password_reset(*, user_id: UUID) -> None:
    """Send a link to set a new password, which voids the older ones."""
    user = find_user(user_id=user_id)
    if user is not None:
        with transaction.atomic():
            token = one_time_tokens.issue(user=user, purpose=TokenPurpose.RESET_PASSWORD)
            # The token is in the fragment, which no browser sends to any server, nor any log keeps.
            link = f"{settings.PUBLIC_URL}/reset-password#{token}"
            _queue(user, EmailKind.PASSWORD_RESET, {"full_name": user.full_name, "link": link})


def queue_verification(*, user: User, first: bool = False) -> str:
    """Queue the verification mail in the caller's transaction; return the token it carries.

    `first`: the user has just been made.
    """
    with transaction.atomic(savepoint=False):
        token = one_time_tokens.issue(user=user, purpose=TokenPurpose.VERIFY_EMAIL, first=first)
        link = f"{settings.PUBLIC_URL}/api/v1/auth/verify-email/{token}"
        _queue(user, EmailKind.VERIFY_EMAIL, {"full_name": user.full_name, "link": link})
    return token


def queue_notice(*, user: User, kind: EmailKind, recipient: str | None = None, **facts: str) -> None:
    """Tell a user, in the caller's transaction, what was done with their account: in case it was not them.

    At the address of the account, unless another is named; greeted by name, unless the kind is to somebody else.
    """
    greeting = {"full_name": user.full_name} if "full_name" in KINDS[kind].variables else {}
    _queue(user, kind, greeting | facts, recipient=recipient)


def at_home(user: User) -> AbstractContextManager[None]:
    """Return the unit of work in which several mails to a user are queued: that of the organization they call home."""
    if user.default_organization_id is None:
        return transaction.atomic()
    return organization_context(user.default_organization_id)


def _enqueue(job: str, user_id: UUID | None) -> None:
    nobody = new_id()
    with transaction.atomic():
        # Nobody to write to is a job as well, so that neither the answer nor its time tells.
        tasks.enqueue(job, user_id=user_id or nobody)


def _queue(user: User, kind: EmailKind, data: dict[str, str], *, recipient: str | None = None) -> None:
    if user.default_organization_id is None:
        return
    with organization_context(user.default_organization_id):
        outbox.queue(
            organization_id=user.default_organization_id,
            kind=kind,
            recipient=recipient or user.email,
            dedup_key=f"{kind}:{new_id()}",
            data=data,
        )
