"""A licence server that says what a test wants, signed by the very code of the real one; reached without a network."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from api.http import answer_signatures
from config.kernel import keyring
from config.kernel.keyring import Purpose

URL = "https://licences.example"
SIGNED_AT = 1_800_000_000


@dataclass
class ScriptedServer:
    """Answers each request with what comes next; the last one for ever. Remembers what it was asked."""

    script: list[Callable[[httpx.Request], httpx.Response]] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)
    keys_fetched: int = 0
    published: bool = True

    def open_http(self) -> httpx.Client:
        """Return a client whose requests come here."""
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def signed(self, status: int, content: Any = None, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
        """Return what answers like this, signed for whoever asks."""
        return lambda request: self.sign(request, status, content, headers)

    def refused(self, status: int, code: str, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
        """Return what says no."""
        body = {"type": "client_error", "errors": [{"code": code, "detail": "No.", "attr": None}]}
        return self.signed(status, body, **headers)

    def sign(self, request: httpx.Request, status: int, content: Any, headers: dict[str, str]) -> httpx.Response:
        """Return a signed answer to a request."""
        told = b"" if content is None else json.dumps(content).encode()
        covered = {'"@status"': str(status), '"content-digest"': answer_signatures.content_digest(told)}
        if told:
            covered['"content-type"'] = "application/json"
        covered |= {
            '"@method";req': request.method,
            '"@path";req': request.url.path,
            '"x-nonce";req': request.headers["X-Nonce"],
            '"content-digest";req': request.headers["Content-Digest"],
        }
        key = keyring.keyring(Purpose.ANSWER).signing
        parameters, signature = answer_signatures.sign_components(key, covered, created=SIGNED_AT)
        signing = {
            "Content-Digest": covered['"content-digest"'],
            "Signature-Input": f"coditect={parameters}",
            "Signature": f"coditect=:{signature}:",
        }
        typed = {"Content-Type": "application/json"} if told else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, headers={**typed, **signing, **named}, content=told)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/jwks.json":
            self.keys_fetched += 1
            return httpx.Response(200, json=keyring.public_jwks()) if self.published else httpx.Response(502)
        self.asked.append(request)
        return self.script[min(len(self.asked), len(self.script)) - 1](request)


def unsigned(status: int, content: bytes = b"<html>Please sign in to our network.</html>") -> Callable[..., Any]:
    """Return what a proxy answers."""
    return lambda request: httpx.Response(status, content=content, headers={"Content-Type": "text/html"})


def unreachable(request: httpx.Request) -> httpx.Response:
    """Answer as a network that is down."""
    raise httpx.ConnectError("no route to host", request=request)
