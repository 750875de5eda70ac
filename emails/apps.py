"""The app that tells people things by mail."""

from django.apps import AppConfig


class EmailsConfig(AppConfig):
    """The outbox, the catalogue of mails and the providers that carry them."""

    name = "emails"

    def ready(self) -> None:
        """Register the system checks."""
        from emails import checks  # noqa: F401, PLC0415
