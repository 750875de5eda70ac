"""Tables of the emails app."""

from emails.models.email_log import EmailLog, EmailStatus
from emails.models.mailbox import MailboxMessage
from emails.models.provider_event import ProviderEvent
from emails.models.suppressed_address import SuppressedAddress, SuppressionReason

__all__ = ["EmailLog", "EmailStatus", "MailboxMessage", "ProviderEvent", "SuppressedAddress", "SuppressionReason"]
