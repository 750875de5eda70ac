"""The app that decides what may run."""

from django.apps import AppConfig


class LicensesConfig(AppConfig):
    """Licences, activations and seats."""

    name = "licenses"
