"""Every failure of the emails app: what a provider can say besides yes."""


class ProviderUnavailable(Exception):
    """The provider did not take the mail now; it may take it later."""


class MailRefused(Exception):
    """The provider will never take this mail."""
