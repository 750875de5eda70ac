"""Every failure of the emails app: a mail that is not whole, and what a provider can say besides yes."""


class WrongMailData(TypeError):
    """A mail was queued with other data than its kind is filled with: a programming error, never a caller's."""


class ProviderUnavailable(Exception):
    """The provider did not take the mail now; it may take it later."""


class MailRefused(Exception):
    """The provider will never take this mail."""
