"""The local mailbox, read."""

from emails.models import MailboxMessage

MOST_SHOWN = 200


def list_messages(*, recipient: str = "") -> list[MailboxMessage]:
    """Return the latest messages, newest first, of one recipient or of all."""
    messages = MailboxMessage.objects.all()
    if recipient:
        messages = messages.filter(recipient=recipient.lower())
    return list(messages[:MOST_SHOWN])
