"""Keeps mails instead of sending them; /local/mailbox shows them."""

from dataclasses import asdict

from emails.messages import Message
from emails.models import MailboxMessage


class Mailbox:
    """The provider of local runs and tests."""

    def send(self, message: Message) -> str:
        """Keep the mail and return its id."""
        kept = MailboxMessage.objects.create(
            recipient=message.recipient,
            kind=message.kind,
            subject=message.subject,
            text=message.text,
            html=message.html,
            attachments=[asdict(attachment) for attachment in message.attachments],
        )
        return str(kept.id)

    def release(self, address: str) -> None:
        """Do nothing: a mailbox keeps no list."""
