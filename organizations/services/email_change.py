"""Changing the address of an account, with the mails about it: to the new address, and to the old one in any case."""

from uuid import UUID

from django.conf import settings
from django.db import transaction

from emails.catalogue import EmailKind
from organizations.services import account_mail
from users.models import User
from users.services import email_change


def ask(*, user: User, email: str) -> None:
    """Mail the new address a link that confirms it, or, where it is taken, that nothing changes; and tell the old one.

    Two mails either way, so that neither the answer nor its time tells whether the address has an account. Raises
    EmailUnchanged.
    """
    with account_mail.at_home(user):
        asked = email_change.ask(user=user, email=email)
        # In the fragment, which no browser sends to any server, nor any log keeps.
        link = f"{settings.PUBLIC_URL}/change-email#{asked.token}"
        kind = EmailKind.EMAIL_CHANGE_TAKEN if asked.taken else EmailKind.EMAIL_CHANGE
        facts = {} if asked.taken else {"link": link}
        account_mail.queue_notice(user=user, kind=kind, recipient=asked.email, **facts)
        account_mail.queue_notice(user=user, kind=EmailKind.EMAIL_CHANGE_ASKED)


def confirm(*, token: str, session_id: UUID | None) -> None:
    """Switch to the new address and tell the old one; every session but this one ends.

    Raises TokenInvalid, TokenExpired, EmailTaken.
    """
    with transaction.atomic():
        changed = email_change.confirm(token=token, session_id=session_id)
        account_mail.queue_notice(user=changed.user, kind=EmailKind.EMAIL_CHANGED, recipient=changed.old_email)
