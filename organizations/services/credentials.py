"""Setting passwords, and telling their owner by mail."""

from django.db import transaction

from emails.catalogue import EmailKind
from organizations.services import account_mail
from users.services import passwords
from users.services.sessions import SignedIn


def reset_password(*, token: str, password: str) -> None:
    """Set a new password by a mailed token; raises TokenInvalid, TokenExpired, WeakPassword."""
    with transaction.atomic():
        user = passwords.reset(token=token, password=password)
        account_mail.queue_notice(user=user, kind=EmailKind.PASSWORD_CHANGED)


def change_password(*, signed_in: SignedIn, current_password: str, new_password: str) -> None:
    """Change a signed-in user's password; raises InvalidCredentials, WeakPassword."""
    with transaction.atomic():
        passwords.change(signed_in=signed_in, current_password=current_password, new_password=new_password)
        account_mail.queue_notice(user=signed_in.user, kind=EmailKind.PASSWORD_CHANGED)
