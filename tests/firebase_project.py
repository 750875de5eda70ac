"""A Firebase project on loopback, for the real Admin SDK: certificates, access tokens and accounts, strict as Google.

What a test may ask of it that the contract of Google's does not have is answered 404 and kept in `complaints`.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import override_settings

from config.kernel.ids import new_id

PROJECT = "coditect-tests"
CERTIFICATES = "/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/identitytoolkit"
MAY_BE_SET = {"localId", "email", "displayName", "emailVerified", "disabled"}
ACCOUNT: dict[str, Any] = {"kind": "identitytoolkit#GetAccountInfoResponse"}

Answer = tuple[int, dict[str, Any]]


@lru_cache(maxsize=8)
def key(name: str) -> rsa.RSAPrivateKey:
    """Return a key of this name; the same one for the whole run, since making one takes time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache(maxsize=8)
def certificate(name: str) -> str:
    """Return a self-signed certificate of the key, as PEM."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "securetoken.system.gserviceaccount.com")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(subject, subject, key(name).public_key(), 1, now - timedelta(1), now + timedelta(1))
    return made.sign(key(name), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class FirebaseProject:
    """The project: who has an account in it, which keys sign its tokens, and what is out of order."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.kids = ["key-1"]
        self.max_age = 3600
        self.broken: dict[str, int | bytes] = {}
        """Paths that answer with this status, or with this body, until they are taken out again."""
        self.before_answer: Callable[[], object] = lambda: None
        """Called while an update waits for its answer."""
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.url = ""

    def id_token(self, *, key_name: str | None = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """Return an ID token as Firebase makes them, some claims changed; None leaves one out."""
        token_header = {"kid": self.kids[0], "typ": "JWT"} | (header or {})
        claims = {name: value for name, value in (self.claims() | changed).items() if value is not None}
        return jwt.encode(claims, key(key_name or self.kids[0]), algorithm="RS256", headers=token_header)

    def claims(self) -> dict[str, Any]:
        """Return the claims of somebody who has just signed in with Google."""
        now = int(time.time())
        return {
            "iss": f"https://securetoken.google.com/{PROJECT}",
            "aud": PROJECT,
            "sub": "uid-ada",
            "user_id": "uid-ada",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "email_verified": True,
            "auth_time": now,
            "iat": now,
            "exp": now + 3600,
            "firebase": {"identities": {"email": ["ada@example.com"]}, "sign_in_provider": "google.com"},
        }

    def sign_in(self, uid: str = "uid-ada", **changed: Any) -> str:
        """Give somebody an account, unless they have one, and return an ID token of theirs."""
        self.accounts.setdefault(uid, {"localId": uid, "email": changed.get("email", "ada@example.com")})
        return self.id_token(sub=uid, user_id=uid, **changed)

    def asked_for(self, what: str) -> int:
        """Return how often a path that ends so was asked for."""
        return sum(path.endswith(what) for path in self.asked)


class _Google(BaseHTTPRequestHandler):
    project: FirebaseProject
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output quiet."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.project.asked.append(self.path)
        broken = self.project.broken.get(self.path)
        if isinstance(broken, int):
            self._send(broken, b"out of order", {"Retry-After": "3"})
        elif isinstance(broken, bytes):
            self._send(200, broken, {})
        elif (self.command, self.path) == ("GET", CERTIFICATES):
            served = json.dumps({kid: certificate(kid) for kid in self.project.kids}).encode()
            self._send(200, served, {"Cache-Control": f"public, max-age={self.project.max_age}"})
        else:
            status, answer = self._route(body)
            self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _route(self, body: bytes) -> Answer:
        if (self.command, self.path) == ("POST", "/token"):
            return self._token(parse_qs(body.decode()))
        accounts = f"/v1/projects/{PROJECT}/accounts"
        routes = {accounts: self._create, f"{accounts}:lookup": self._lookup, f"{accounts}:update": self._update}
        if self.command != "POST" or self.path not in routes:
            return self._complain(404, f"no route {self.command} {self.path}")
        if self.headers.get("Authorization") != "Bearer access-token":
            return self._complain(401, f"{self.path} without an access token")
        return routes[self.path](json.loads(body))

    def _token(self, form: dict[str, list[str]]) -> Answer:
        """Exchange a service account's assertion (RFC 7523), verified as Google does."""
        try:
            assertion = jwt.decode(
                form["assertion"][0],
                key("service-account").public_key(),
                algorithms=["RS256"],
                audience="https://oauth2.googleapis.com/token",
            )
        except (jwt.InvalidTokenError, KeyError) as error:
            return self._complain(401, f"assertion: {error}")
        if SCOPE not in assertion["scope"] or form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            return self._complain(400, f"scope or grant: {assertion} {form}")
        return 200, {"access_token": "access-token", "expires_in": 3600, "token_type": "Bearer"}

    def _lookup(self, asked: dict[str, Any]) -> Answer:
        if set(asked) != {"localId"}:
            return self._complain(400, f"lookup by {asked}")
        found = [self.project.accounts[uid] for uid in asked["localId"] if uid in self.project.accounts]
        return 200, ACCOUNT | ({"users": found} if found else {})

    def _create(self, given: dict[str, Any]) -> Answer:
        if given.get("localId") in self.project.accounts:
            return _refusal("DUPLICATE_LOCAL_ID")
        return self._store(given)

    def _update(self, given: dict[str, Any]) -> Answer:
        if given.get("localId") not in self.project.accounts:
            return _refusal("USER_NOT_FOUND")
        if "disableUser" in given:
            given["disabled"] = given.pop("disableUser")
        self.project.before_answer()
        return self._store(given)

    def _store(self, given: dict[str, Any]) -> Answer:
        uid = given.get("localId")
        if not set(given) <= MAY_BE_SET or not uid:
            return self._complain(400, f"{self.path} with {sorted(given)}")
        if any(one.get("email") == given.get("email") for key, one in self.project.accounts.items() if key != uid):
            return _refusal("EMAIL_EXISTS")
        self.project.accounts[uid] = self.project.accounts.get(uid, {}) | given
        return 200, {"localId": uid}

    def _complain(self, status: int, complaint: str) -> Answer:
        self.project.complaints.append(complaint)
        return status, {"error": {"code": status, "message": complaint}}

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _refusal(code: str) -> Answer:
    return 400, {"error": {"code": 400, "message": code}}


@contextmanager
def firebase_project(folder: Path, **settings: Any) -> Iterator[FirebaseProject]:
    """Run a project for the time of the block, and have our side configured for it; fails if Google would complain."""
    project = FirebaseProject()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Here", (_Google,), {"project": project}))
    server.daemon_threads = True
    project.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    configured = {
        "FIREBASE_PROJECT_ID": PROJECT,
        "FIREBASE_CREDENTIALS": str(_service_account(folder, project)),
        "FIREBASE_API_BASE": project.url,
    }
    try:
        with override_settings(**configured | settings):
            yield project
    finally:
        server.shutdown()
        server.server_close()
    assert project.complaints == []


def _service_account(folder: Path, project: FirebaseProject) -> Path:
    """Write the key file of a service account whose tokens are bought on loopback."""
    private = key("service-account").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"service-account-{new_id()}.json"
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": PROJECT,
                "private_key_id": "1",
                "private_key": private.decode(),
                "client_email": f"firebase@{PROJECT}.iam.gserviceaccount.com",
                "client_id": "1",
                "token_uri": f"{project.url}/token",
            }
        )
    )
    return path
