"""Rotation of signing keys: a new one is published before it signs, an old one stays while what it signed may live."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

from config.kernel import clock, key_files, keyring
from config.kernel.key_files import RECHECK_SECONDS
from config.kernel.keyring import Purpose

STRAGGLERS = timedelta(minutes=5)
"""How long after its successor began a key may still have signed: a process looks every few seconds, clocks differ."""


class LeadTooShort(ValueError):
    """The key would be used by one process before another has seen it."""


def rotate(purpose: Purpose, *, lead: timedelta) -> Path:
    """Write a new key of a purpose, that is published now and signs after `lead`; return its path.

    Raises LeadTooShort, OSError where KEYS_DIR is read-only.
    """
    refuse_short(lead)
    return keyring.create(purpose, lead=lead)


def refuse_short(lead: timedelta) -> None:
    """Raise LeadTooShort for less than it takes every process to look into its folders again."""
    if lead < key_files.LEAST_LEAD:
        raise LeadTooShort(f"a new key needs {2 * RECHECK_SECONDS:.0f} s at least until every process knows it")


def prune(purpose: Purpose) -> list[Path]:
    """Remove the keys of a purpose by which nothing was signed that may still live; return their paths."""
    return [path for path, until in removable(purpose) if until is not None and until < clock.now() and _remove(path)]


def removable(purpose: Purpose) -> list[tuple[Path, datetime | None]]:
    """Return the keys that have a successor, each with the moment after which it may be removed; None: never.

    Never is also said for a purpose about which SIGNED_UNTIL knows nothing.
    """
    lifetime = settings.SIGNED_UNTIL.get(str(purpose))
    told: list[tuple[Path, datetime | None]] = []
    for key, successor in pairwise(keyring.keyring(purpose).keys):
        stopped = successor.file.not_before + STRAGGLERS
        until = import_string(lifetime)(kid=key.kid, stopped=stopped) if lifetime else None
        told.append((key.file.path, until))
    return told


def _remove(path: Path) -> bool:
    path.unlink()
    return True
