"""Folders of key files that change while processes run: a file's name says from when on its key is used.

A new key is published before it is used (`write` with a moment ahead), so that every process that may have to open or
verify something knows the key by then. Processes look into their folders again every RECHECK_SECONDS.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

from django.core.exceptions import ImproperlyConfigured

logger = logging.getLogger(__name__)

RECHECK_SECONDS = 5.0
LEAST_LEAD = timedelta(seconds=2 * RECHECK_SECONDS)
"""A key that begins sooner could be used by one process before another has seen it."""
USUAL_LEAD = timedelta(hours=1)
"""Twelve times what a JWKS may be cached for, and enough for a secret manager to bring the file to every pod."""
_NAME = "%Y%m%dT%H%M%S%f"
_EVER = datetime.min.replace(tzinfo=UTC)

Made = TypeVar("Made")


@dataclass(frozen=True, order=True)
class KeyFile:
    """One key file and the moment from which its key is used; a name that is no date means ever since."""

    not_before: datetime
    path: Path


def list_files(folder: Path, suffix: str) -> list[KeyFile]:
    """Return a folder's key files, oldest first."""
    return sorted(KeyFile(_moment(path.stem), path) for path in folder.glob(f"*{suffix}"))


def write(folder: Path, suffix: str, content: bytes, *, lead: timedelta = timedelta(0)) -> Path:
    """Write a key that is used `lead` from now, readable by this user only, and return its path.

    The file appears whole or not at all. Raises OSError where the folder is read-only, as a mounted secret is.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{stem(datetime.now(UTC) + lead)}{suffix}"
    unfinished = path.with_suffix(".unfinished")
    unfinished.touch(mode=0o600, exist_ok=False)
    unfinished.write_bytes(content)
    # A link, because a rename would replace a file of that name in silence.
    os.link(unfinished, path)
    unfinished.unlink()
    return path


def stem(moment: datetime) -> str:
    """Return the name of a key that is used from this moment on."""
    return f"{moment:{_NAME}}"


def _moment(stem: str) -> datetime:
    try:
        return datetime.strptime(stem, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return _EVER


class Watched(Generic[Made]):
    """What was made of a folder's files, made anew when files come or go; safe for many threads."""

    def __init__(self, folder: Path, suffix: str, make: Callable[[list[KeyFile]], Made]) -> None:
        self._folder, self._suffix, self._make = folder, suffix, make
        self._lock = threading.Lock()
        self._seen: list[tuple[KeyFile, int]] = []
        self._made: Made | None = None
        self._check_at = 0.0

    def current(self) -> Made:
        """Return what `make` makes of the files there are.

        Raises what it raises the first time; later a file that cannot be read is logged and the old keys stay in use:
        one bad file must not log everybody out.
        """
        made = self._made
        if made is not None and (time.monotonic() < self._check_at or self._lock.locked()):
            return made
        with self._lock:
            if self._made is None or time.monotonic() >= self._check_at:
                self._look()
        assert self._made is not None  # noqa: S101  (`_look` sets it or raises)
        return self._made

    def _look(self) -> None:
        try:
            files = list_files(self._folder, self._suffix)
            seen = [(file, file.path.stat().st_mtime_ns) for file in files]
            if self._made is None or seen != self._seen:
                self._made = self._make(files)
                self._seen = seen
        except (OSError, ValueError, ImproperlyConfigured):
            if self._made is None:
                raise
            logger.exception("the keys in %s cannot be read; those read before stay in use", self._folder.name)
        self._check_at = time.monotonic() + RECHECK_SECONDS
