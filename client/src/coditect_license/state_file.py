"""What a seat leaves on disk for the next start of the program: its token, so that a restart takes its own seat back.

Written whole or not at all, by one process at a time, and authenticated with the licence key and the machine: a file
that was damaged, edited or copied from another machine is no file. A disk that fails costs the convenience only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import sys
import threading
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from coditect_license.answers import License, SeatToken, read_license
from coditect_license.errors import Outage

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

log = logging.getLogger(__name__)

_PURPOSE = b"coditect-license state file 1\0"


@dataclass(frozen=True)
class Kept:
    """What was found: a seat, if there is one to take back, and the latest time that the server signed (0: none)."""

    token: SeatToken | None
    license: License | None
    signed_at: int


NOTHING = Kept(None, None, 0)


class StateFile:
    """One seat's hold on the file; while another one has it, nothing is read or written."""

    def __init__(self, path: Path, *, license_key: str, hardware_id: str) -> None:
        self._path = path
        self._secret = hmac.new(license_key.encode(), _PURPOSE + hardware_id.encode(), hashlib.sha256).digest()
        self._guard = threading.Lock()
        self._locked: int | None = None
        self._signed_at = 0

    def __repr__(self) -> str:
        return f"StateFile({str(self._path)!r})"

    def take(self) -> Kept:
        """Take hold of the file and return what it says; NOTHING when another process or seat has it."""
        with self._guard:
            if self._locked is None:
                self._locked = self._try_to_lock()
            if self._locked is None:
                return NOTHING
            kept = self.read()
            self._signed_at = kept.signed_at
            return kept

    def read(self) -> Kept:
        """Return what the file says, whoever has it; NOTHING for none, or one that is not ours."""
        try:
            outer = json.loads(self._path.read_bytes())
            text, mac = str(outer["state"]), str(outer["mac"])
            if not hmac.compare_digest(self._mac(text).encode(), mac.encode()):
                log.info("The state file is not this machine's, or was changed: it is left alone.")
                return NOTHING
            return _understood(json.loads(text))
        except (OSError, ValueError, KeyError, TypeError, Outage):
            return NOTHING

    def keep(self, token: SeatToken | None, license_: License | None, *, signed_at: int) -> None:
        """Write what the next start needs."""
        with self._guard:
            if self._locked is None:
                return
            self._signed_at = max(self._signed_at, signed_at)
            try:
                self._write(token, license_)
            except OSError as error:
                log.warning("The seat could not be written down (%s): a restart asks for a new one.", error.strerror)

    def forget(self) -> None:
        """Keep no seat any more, only the latest time, and let go of the file."""
        self.keep(None, None, signed_at=0)
        with self._guard:
            self._let_go()

    def leave(self) -> None:
        """Let go of the file as it is."""
        with self._guard:
            self._let_go()

    def after_fork(self) -> None:
        """Leave it to the parent: closing a child's copy of the lock does not open it."""
        self._guard = threading.Lock()
        self._let_go()

    def _let_go(self) -> None:
        locked, self._locked = self._locked, None
        if locked is not None:
            os.close(locked)

    def _mac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def _write(self, token: SeatToken | None, license_: License | None) -> None:
        seat = None if token is None or license_ is None else {**token.body(), "license": _plain(license_)}
        text = json.dumps({"seat": seat, "signed_at": self._signed_at})
        fresh = self._path.with_name(self._path.name + ".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump({"state": text, "mac": self._mac(text)}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def _try_to_lock(self) -> int | None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A file of its own: the other one is replaced with every write.
            descriptor = os.open(self._path.with_name(self._path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            log.warning("The state file cannot be used (%s).", error.strerror)
            return None
        try:
            if sys.platform == "win32":
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor


def _understood(state: dict[str, Any]) -> Kept:
    seat, signed_at = state["seat"], int(state["signed_at"])
    if seat is None:
        return Kept(None, None, signed_at)
    token = SeatToken(str(seat["session_id"]), str(seat["signed_token"]))
    return Kept(token, read_license(seat["license"]), signed_at)


def _plain(license_: License) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(license_).items()
    }
