"""Tables of the emails app."""

from emails.models.email_log import EmailLog, EmailStatus
from emails.models.mailbox import MailboxMessage

__all__ = ["EmailLog", "EmailStatus", "MailboxMessage"]
