"""The app that speaks HTTP."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Versioned REST routes, the plumbing beneath them, and pages for people."""

    name = "api"
