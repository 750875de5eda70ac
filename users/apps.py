"""The app that knows who somebody is."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Accounts, sign-in, one-time tokens and the audit log."""

    name = "users"

    def ready(self) -> None:
        """Refuse to start where Firebase's emulator would be believed."""
        from users.firebase.guard import refuse_unsafe  # noqa: PLC0415  (settings are complete only now)

        refuse_unsafe()
