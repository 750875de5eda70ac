"""Who asks for a seat: whoever has the licence key, or a member who signed in as well. Heartbeats need neither."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Callable

from coditect_license.errors import Outage, SecondFactorRequired, SignInFailed
from coditect_license.transport import Transport

FRESH_SECONDS = 240.0
"""An access token lives for 300 s; it is renewed a minute before."""


class Access:
    """The session of a member, kept in memory only."""

    def __init__(self, transport: Transport, *, now: Callable[[], float]) -> None:
        self._transport = transport
        self._now = now
        self._lock = threading.Lock()
        self._access: str | None = None
        self._refresh: str | None = None
        self._got_at = 0.0

    def login(self, email: str, password: str, *, code: str | None = None) -> None:
        """Sign a member in. Raises SignInFailed, SecondFactorRequired when a code is wanted, Outage."""
        status, answer = self._transport.tell("/auth/login", {"email": email, "password": password})
        if _code(answer) == "mfa_required":
            if code is None:
                raise SecondFactorRequired
            body = {"mfa_token": str(answer.get("mfa_token")), "code": code}
            status, answer = self._transport.tell("/auth/login/mfa", body)
        if status != 200:
            raise SignInFailed(_detail(answer), code=_code(answer))
        with self._lock:
            self._keep(answer)

    def bearer(self) -> str | None:
        """Return an access token, renewed if it is old; None when nobody is signed in. Raises Outage.

        When renewing is refused, the seat is asked for without: the answer to *that* is signed, and decides.
        """
        with self._lock:
            if self._refresh is None or self._now() - self._got_at < FRESH_SECONDS:
                return self._access
            status, answer = self._transport.tell("/auth/token/refresh", {"refresh": self._refresh})
            if status != 200:
                return None
            self._keep(answer)
            return self._access

    def renew_lock(self) -> None:
        """Make a lock of this process's own after a fork: a thread of the parent's may have held the old one."""
        self._lock = threading.Lock()

    def _keep(self, answer: Mapping[str, Any]) -> None:
        access, refresh = answer.get("access"), answer.get("refresh")
        if not isinstance(access, str) or not isinstance(refresh, str):
            raise Outage("Signing in was answered by somebody else than the licence server.")
        self._access, self._refresh, self._got_at = access, refresh, self._now()


def _first_error(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    listed = answer.get("errors")
    first = listed[0] if isinstance(listed, list) and listed else None
    return first if isinstance(first, dict) else {}


def _code(answer: Mapping[str, Any]) -> str | None:
    found = _first_error(answer).get("code")
    return found if isinstance(found, str) else None


def _detail(answer: Mapping[str, Any]) -> str | None:
    found = _first_error(answer).get("detail")
    return found if isinstance(found, str) else None
