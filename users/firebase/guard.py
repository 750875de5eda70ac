"""Keeps a process from starting where signing in with Firebase would not be safe, or could not work."""

from importlib.util import find_spec

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def refuse_unsafe() -> None:
    """Raise ImproperlyConfigured with every fault; called as Django starts, whatever the process and its settings."""
    faults = []
    if settings.FIREBASE_AUTH_EMULATOR_HOST and not settings.FIREBASE_EMULATOR_ALLOWED:
        faults.append("FIREBASE_AUTH_EMULATOR_HOST is set: the emulator believes any token")
    if settings.FIREBASE_PROJECT_ID and find_spec("firebase_admin") is None:
        faults.append("FIREBASE_PROJECT_ID is set, but firebase-admin is not installed (requirements-cloud.lock)")
    if faults:
        raise ImproperlyConfigured("Refusing to start: " + "; ".join(faults))
