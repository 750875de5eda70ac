"""The app that knows whose everything is."""

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    """Organizations, who belongs to them in which role, and their data keys."""

    name = "organizations"
