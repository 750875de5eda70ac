"""What every mail provider offers."""

from typing import Protocol

from emails.messages import Message


class Provider(Protocol):
    """Carries mails."""

    def send(self, message: Message) -> str:
        """Hand one mail over and return the provider's id for it.

        Raises ProviderUnavailable when it was not taken, MailRefused when it never will be, and ProviderSilent when
        nobody knows.
        """
        ...

    def release(self, address: str) -> None:
        """Forget that an address bounced or complained, where the provider keeps a list; raises ProviderUnavailable."""
        ...
