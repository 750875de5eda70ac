"""Asks the licence server, and lets only what it signed count as an answer. Keeps no secret, logs none.

Every request ends: each of its steps has a time limit, and so has its answer as a whole, however slowly it drips.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Callable
from urllib.parse import urlsplit

import httpx

from coditect_license.errors import Outage, refusal
from coditect_license.keys import JWKS_PATH, AnswerKeys, PublishedKeys
from coditect_license.signed_answers import Asked, NotAVerdict, content_digest, verify

API = "/api/v1"
LARGEST_ANSWER_BYTES = 1024 * 1024
_VERDICTS = frozenset({400, 401, 403, 404, 410})


@dataclass(frozen=True)
class Yes:
    """A signed consent. `signed_at` is the server's clock (Unix seconds), `sent_at` ours before it was asked."""

    status: int
    content: Mapping[str, Any]
    signed_at: int
    sent_at: float


@dataclass(frozen=True)
class Told:
    """An answer of which nothing is known but that it came."""

    status: int
    headers: httpx.Headers
    content: bytes


class Transport:
    """One server, asked over HTTP."""

    def __init__(
        self,
        url: str,
        *,
        keys: AnswerKeys | None,
        now: Callable[[], float],
        timeout: float,
        open_http: Callable[[], httpx.Client] = httpx.Client,
    ) -> None:
        """Without `keys` those that the server publishes are believed. Raises ValueError for an unsafe address."""
        self.url = url.rstrip("/")
        _refuse_unsafe(self.url)
        self._prefix = urlsplit(self.url).path
        self._now = now
        self._timeout = timeout
        self._open_http = open_http
        self._http: httpx.Client | None = None
        self._opening = threading.Lock()
        self._of_parent: list[httpx.Client] = []
        self._keys = keys or PublishedKeys(self._published, now=now)

    def __repr__(self) -> str:
        return f"Transport({self.url!r})"

    def ask(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        bearer: str | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Yes:
        """POST to a route whose answers are signed. Raises Refused for a signed no, Outage when there is no verdict."""
        content = json.dumps(body).encode()
        asked = Asked("POST", f"{self._prefix}{API}{path}", secrets.token_urlsafe(24), content_digest(content))
        headers = {"Content-Type": "application/json", "X-Nonce": asked.nonce, "Content-Digest": asked.digest}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        sent_at = self._now()
        told = self._send("POST", f"{API}{path}", headers=headers, content=content, timeout=timeout)
        try:
            signed_at = verify(
                asked=asked, status=told.status, headers=told.headers, content=told.content, keys=self._keys
            )
        except NotAVerdict as error:
            raise Outage(f"Status {told.status} did not come from the licence server: {error}.") from None
        return _judged(told, signed_at=signed_at, sent_at=sent_at)

    def tell(self, path: str, body: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """POST to a route whose answers are not signed; raises Outage when it says nothing that could be read."""
        told = self._send(
            "POST", f"{API}{path}", headers={"Content-Type": "application/json"}, content=json.dumps(body).encode()
        )
        if told.status >= 500 or told.status == 429:
            raise Outage(f"The server answered with status {told.status}.", retry_after=_retry_after(told.headers))
        return told.status, _parsed(told)

    def close(self) -> None:
        """Close its connections; asking opens new ones."""
        with self._opening:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def forget_connections(self) -> None:
        """Leave the connections to the process that this one was forked from: they are not ours to use or to close."""
        self._opening = threading.Lock()  # a thread of the parent's may have held the old one
        if self._http is not None:
            self._of_parent.append(self._http)
            self._http = None

    def _connections(self) -> httpx.Client:
        with self._opening:
            if self._http is None:
                self._http = self._open_http()
            return self._http

    def _published(self) -> Mapping[str, Any]:
        told = self._send("GET", JWKS_PATH, headers={}, content=b"")
        if told.status != 200:
            raise Outage(f"The server's keys could not be had: status {told.status}.")
        return _parsed(told)

    def _send(
        self, method: str, path: str, *, headers: Mapping[str, str], content: bytes, timeout: float | None = None
    ) -> Told:
        # Not compressed: the digest is that of the bytes as they were signed.
        headers = {**headers, "Accept": "application/json", "Accept-Encoding": "identity"}
        limit = timeout or self._timeout
        ends_at = time.monotonic() + limit
        try:
            with self._connections().stream(
                method, f"{self.url}{path}", headers=headers, content=content, timeout=limit, follow_redirects=False
            ) as answer:
                received = bytearray()
                for part in answer.iter_bytes():
                    received += part
                    if len(received) > LARGEST_ANSWER_BYTES or time.monotonic() > ends_at:
                        raise Outage("The answer was too long, or too slow.")
                return Told(answer.status_code, answer.headers, bytes(received))
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            # By its kind only: the texts of some name what was sent.
            raise Outage(f"The licence server could not be asked ({type(error).__name__}).") from None


def _judged(told: Told, *, signed_at: int, sent_at: float) -> Yes:
    """Return the consent; raises Refused for a no, Outage for what says nothing about the licence."""
    content = _parsed(told) if told.content else {}
    if 200 <= told.status < 300:
        return Yes(told.status, content, signed_at, sent_at)
    after = _retry_after(told.headers)
    try:
        refused = refusal(status=told.status, answer=content, retry_after=after)
    except (LookupError, TypeError):
        raise Outage(f"The answer with status {told.status} could not be read.", retry_after=after) from None
    if told.status in _VERDICTS or refused.code == "no_seats_available":
        raise refused
    raise Outage(refused.detail, code=refused.code, retry_after=after)


def _parsed(told: Told) -> Mapping[str, Any]:
    try:
        content = json.loads(told.content)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Outage(f"The answer with status {told.status} could not be read.")
    return content


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return the header's seconds; a date, which our server does not send, is not read."""
    given = headers.get("retry-after", "")
    return float(given) if given.isdecimal() and len(given) < 10 else None


def _refuse_unsafe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and _is_loopback(parts.hostname):
        return
    raise ValueError("the address of the licence server begins with https:// (http:// on this machine only)")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
