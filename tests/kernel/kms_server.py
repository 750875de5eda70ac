"""A stand-in of Google Cloud KMS at its HTTP edge: strict about what is asked, and answers as Google does."""

import base64
import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import google_crc32c
import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/tenant-data"
OTHER_KEY = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/older"
_PATH = re.compile(r"/v1/(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/:]+):(encrypt|decrypt)")
_STATUSES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
             503: "UNAVAILABLE"}  # fmt: skip
# Of Google's own universe the client would ask more things, at addresses that nothing here can point elsewhere.
UNIVERSE = "universe.example"
ACCOUNT = "cloud@p.iam.gserviceaccount.com"


class Refused(Exception):
    """What is asked is not as Google wants it."""


@dataclass
class KmsServer:
    """The keys, what was asked, and how the server misbehaves."""

    url: str = ""
    versions: dict[str, list[AESGCM]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answer_with: list[int] = field(default_factory=list)
    """Statuses of the next answers, one an answer; the last stays. 200: as usual."""
    hang_seconds: float = 0.0
    damage: str = ""
    """The member of answers that is changed on the way."""
    leave_out: str = ""
    """The member that answers do not have."""
    account_key: Any = field(default_factory=lambda: generate_private_key(public_exponent=65537, key_size=2048))

    def add_version(self, name: str) -> None:
        """Give a key a new primary version, as Google does by itself every so often."""
        self.versions.setdefault(name, []).append(AESGCM(AESGCM.generate_key(bit_length=256)))

    def credentials(self) -> str:
        """Return the file of a service account that may use the keys."""
        pem = self.account_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        facts = {"type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": pem.decode(),
                 "client_email": ACCOUNT, "token_uri": f"{self.url}/token",
                 "universe_domain": UNIVERSE}  # fmt: skip
        return json.dumps(facts)

    def misbehave(self) -> None:
        """Raise Refused where this answer is to have another status."""
        if self.answer_with:
            status = self.answer_with.pop(0) if len(self.answer_with) > 1 else self.answer_with[0]
            if status != 200:
                raise Refused(status, "told to")

    def answer(self, path: str, query: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return Google's answer; raises Refused."""
        jwt.decode(token, self.account_key.public_key(), algorithms=["RS256"], issuer=ACCOUNT,
                   options={"verify_aud": False, "require": ["exp", "iat"]})  # fmt: skip
        match = _PATH.fullmatch(path)
        if match is None or "alt=json" not in query:
            raise Refused(404, f"no such route: {path}")
        name, verb = match.groups()
        self.asked.append(verb)
        if name not in self.versions:
            raise Refused(404, f"CryptoKey {name} not found.")
        return self._encrypt(name, body) if verb == "encrypt" else self._decrypt(name, body)

    def _encrypt(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        parts = _checked(body, "plaintext", "additionalAuthenticatedData")
        number = len(self.versions[name])
        nonce = time.time_ns().to_bytes(12, "big")
        sealed = self.versions[name][-1].encrypt(nonce, parts["plaintext"], parts["additionalAuthenticatedData"])
        return {
            "name": f"{name}/cryptoKeyVersions/{number}",
            **_carried("ciphertext", bytes([number]) + nonce + sealed),
            "verifiedPlaintextCrc32c": True,
            "verifiedAdditionalAuthenticatedDataCrc32c": True,
            "protectionLevel": "SOFTWARE",
        }

    def _decrypt(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        parts = _checked(body, "ciphertext", "additionalAuthenticatedData")
        number, nonce, sealed = parts["ciphertext"][0], parts["ciphertext"][1:13], parts["ciphertext"][13:]
        try:
            opened = dict(enumerate(self.versions[name], 1))[number].decrypt(
                nonce, sealed, parts["additionalAuthenticatedData"]
            )
        except (InvalidTag, KeyError):
            raise Refused(400, "Decryption failed: the ciphertext is invalid.") from None
        answer = {**_carried("plaintext", opened), "protectionLevel": "SOFTWARE"}
        # Like every JSON form of a protobuf message, it leaves out what is false.
        return answer | ({"usedPrimary": True} if number == len(self.versions[name]) else {})


def _checked(body: dict[str, Any], *members: str) -> dict[str, bytes]:
    """Return the members in bytes; raises Refused unless these are all, in base64, and their checksums fit."""
    expected = {*members, *(f"{member}Crc32c" for member in members)}
    if set(body) != expected:
        raise Refused(400, f"Invalid JSON payload: {set(body) ^ expected}")
    parts = {member: base64.b64decode(body[member], validate=True) for member in members}
    for member, part in parts.items():
        # 64-bit numbers are texts in the JSON of protobuf.
        if body[f"{member}Crc32c"] != str(google_crc32c.value(part)):
            raise Refused(400, f"The checksum of {member} did not match.")
    return parts


def _carried(member: str, value: bytes) -> dict[str, str]:
    return {member: base64.b64encode(value).decode(), f"{member}Crc32c": str(google_crc32c.value(value))}


@contextmanager
def kms_server() -> Iterator[KmsServer]:
    """Run the stand-in for the time of the block, with one key of one version."""
    kms = KmsServer()
    kms.add_version(KEY)

    class Conversation(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            time.sleep(kms.hang_seconds)
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            path, _, query = self.path.partition("?")
            try:
                kms.misbehave()
                token = self.headers["Authorization"].removeprefix("Bearer ")
                status, body = 200, kms.answer(path, query, token, json.loads(raw))
            except Refused as refused:
                status, told = refused.args
                body = {"error": {"code": status, "message": told, "status": _STATUSES[status]}}
            except (jwt.InvalidTokenError, AttributeError) as error:
                status, body = 401, {"error": {"code": 401, "message": str(error), "status": "UNAUTHENTICATED"}}
            body.pop(kms.leave_out, None)
            if kms.damage in body:
                body[kms.damage] = "1" if kms.damage.endswith("Crc32c") else base64.b64encode(b"damaged").decode()
            answer = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # who asked had no patience
                self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Conversation) as server:
        server.daemon_threads = True
        kms.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield kms
        finally:
            server.shutdown()
