"""Every failure of the emails app: a mail that is not whole, what a provider says besides yes, a forged delivery."""

from config.kernel.errors import DomainError


class WrongMailData(TypeError):
    """A mail was queued with other data than its kind is filled with: a programming error, never a caller's."""


class ProviderUnavailable(Exception):
    """The provider did not take the mail now; it may take it later.

    `at_once` says whether later may be in a moment: a busy provider, not a wrong key of ours. `retry_after` is what
    the provider asked for, in seconds.
    """

    def __init__(self, message: str, *, at_once: bool = True, retry_after: float = 0) -> None:
        self.at_once = at_once
        self.retry_after = retry_after
        super().__init__(message)


class ProviderSilent(Exception):
    """The provider was given the mail and did not answer: it may have taken it."""


class MailRefused(Exception):
    """The provider will never take this mail."""


class DeliveryRefused(DomainError):
    """What was posted to the event webhook is no fresh delivery signed with one of our provider's keys."""

    code = "webhook_signature_invalid"
    detail = "The signature does not fit."
