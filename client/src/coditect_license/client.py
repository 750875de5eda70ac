"""The client of a licence server: one machine, one licence key."""

from __future__ import annotations

import random
import sys
import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Callable
from weakref import WeakSet

import httpx

from coditect_license import clock, processes
from coditect_license.access import Access
from coditect_license.answers import License, Validation, license_within, read_validation
from coditect_license.keys import AnswerKeys
from coditect_license.requests import Requests
from coditect_license.retries import Answer, insist
from coditect_license.seat import PATIENCE_SECONDS, Seat
from coditect_license.state_file import StateFile
from coditect_license.transport import Transport


class LicenseClient:
    """Asks about a licence and holds seats of it. A context manager; its calls raise LicensingError and nothing else.

    `hardware_id` names this machine, the same each time: 10 to 255 of A-Z a-z 0-9 . _ : - (`hardware_signals` are more
    that it is known by). `keys` are those whose signatures are believed, see PinnedKeys; without them the ones that the
    server publishes. `open_http` makes the connections, for proxies and certificates of one's own. In
    `state_file` a seat is kept for the next start of the program, which takes it back, after a crash too and without
    signing in. `now` is the clock, which only tests have a reason to move.
    """

    def __init__(
        self,
        url: str,
        *,
        license_key: str,
        hardware_id: str,
        hardware_signals: Mapping[str, str] | None = None,
        keys: AnswerKeys | None = None,
        timeout: float = 10.0,
        open_http: Callable[[], httpx.Client] = httpx.Client,
        state_file: Path | None = None,
        now: Callable[[], float] = clock.seconds,
    ) -> None:
        """Raises ValueError for an address that is not https, on another machine."""
        self._transport = Transport(url, keys=keys, now=now, timeout=timeout, open_http=open_http)
        self._now = now
        self._open_state_file = (
            (lambda: StateFile(state_file, license_key=license_key, hardware_id=hardware_id)) if state_file else None
        )
        self._access = Access(self._transport, now=now)
        self._requests = Requests(
            self._transport,
            self._access,
            license_key=license_key,
            hardware_id=hardware_id,
            hardware_signals=hardware_signals,
        )
        self._seats: WeakSet[Seat] = WeakSet()
        processes.in_children(self)

    def __repr__(self) -> str:
        return f"LicenseClient({self._transport.url!r})"

    def __enter__(self) -> LicenseClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def login(self, email: str, password: str, *, code: str | None = None) -> None:
        """Sign a member in, for licences that want one; kept in memory. `code` is that of their authenticator.

        Raises SignInFailed, SecondFactorRequired when a code is wanted, Outage.
        """
        self._access.login(email, password, code=code)

    def activate(self, *, hardware_name: str = "", platform: str = sys.platform) -> License:
        """Bind this machine to the licence; again changes nothing. Raises Refused by its kind, Outage."""
        once = uuid.uuid4()
        return license_within(
            self._insist(
                lambda: self._requests.activate(hardware_name=hardware_name, platform=platform, idempotency_key=once)
            )
        )

    def validate(self) -> Validation:
        """Return how the licence stands, also when it may not be used. Raises Outage, Refused for a malformed id."""
        return read_validation(self._insist(self._requests.validate).content)

    def seat(self, *, wait: float = 0.0) -> Seat:
        """Return a seat to be taken with `with`; while none is free it is waited for, so many seconds."""
        seat = Seat(
            self._requests,
            wait=wait,
            now=self._now,
            sleep=time.sleep,
            jitter=random.random,
            state_file=self._open_state_file() if self._open_state_file else None,
        )
        self._seats.add(seat)
        return seat

    @property
    def latest_seen(self) -> datetime | None:
        """The latest time that the server signed to a seat here, by the state file: a clock that says less is wrong."""
        signed_at = self._open_state_file().read().signed_at if self._open_state_file else 0
        return datetime.fromtimestamp(signed_at, timezone.utc) if signed_at else None

    def close(self) -> None:
        """Give back the seats that are held, and close the connections."""
        for seat in list(self._seats):
            seat.release()
        self._transport.close()

    def after_fork(self) -> None:
        """Use nothing of the parent's in a child: it opens connections of its own."""
        self._transport.forget_connections()
        self._access.renew_lock()

    def _insist(self, ask: Callable[[], Answer]) -> Answer:
        return insist(ask, within=PATIENCE_SECONDS, now=self._now, sleep=time.sleep)
