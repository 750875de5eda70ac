"""The app that knows who somebody is."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """Accounts, sign-in, one-time tokens and the audit log."""

    name = "users"
