"""Setting passwords, and telling their owner by mail."""

from uuid import UUID

from django.db import transaction

from emails.catalogue import EmailKind
from organizations.services import account_mail
from users.models import User
from users.services import passwords


def reset_password(*, token: str, password: str) -> None:
    """Set a new password by a mailed token; raises TokenInvalid, TokenExpired, WeakPassword."""
    with transaction.atomic():
        user = passwords.reset(token=token, password=password)
        account_mail.queue_notice(user=user, kind=EmailKind.PASSWORD_CHANGED)


def change_password(*, user: User, session_id: UUID, current_password: str, new_password: str) -> None:
    """Change a signed-in user's password; raises InvalidCredentials, WeakPassword."""
    with transaction.atomic():
        passwords.change(user=user, session_id=session_id, current_password=current_password, new_password=new_password)
        account_mail.queue_notice(user=user, kind=EmailKind.PASSWORD_CHANGED)
