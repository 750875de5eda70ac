"""What every mail provider offers."""

from typing import Protocol

from emails.messages import Message


class Provider(Protocol):
    """Carries mails."""

    def send(self, message: Message) -> str:
        """Hand one mail over and return the provider's id for it; raises ProviderUnavailable or MailRefused."""
        ...
