"""A client that believes signed answers only: the signatures are read by a library that is not ours."""

import base64
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver, VerifyResult
from http_message_signatures.algorithms import ED25519
from http_message_signatures.digests import ContentDigest

REQUIRED = (
    "@status",
    "content-digest",
    '"@method";req',
    '"@path";req',
    '"x-nonce";req',
    '"content-digest";req',
)


@dataclass(frozen=True)
class Reader:
    """Knows the published keys."""

    http: httpx.Client

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request with a nonce and the digest of its body."""
        request = self.http.build_request(method, path, json=body, headers=headers) if body is not None else (
            self.http.build_request(method, path, headers=headers)
        )  # fmt: skip
        request.headers["X-Nonce"] = secrets.token_urlsafe(24)
        request.headers["Content-Digest"] = ContentDigest.create(request.content)
        return self.http.send(request)

    def verify(self, answer: httpx.Response, *, required: tuple[str, ...] = REQUIRED) -> VerifyResult:
        """Return what is signed; raises InvalidSignature, also when something that is required is not."""
        published = self.http.get("/.well-known/jwks.json").json()["keys"]
        keys = {
            key["kid"]: Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
            for key in published
            if key.get("crv") == "Ed25519"
        }
        verifier = HTTPMessageVerifier(
            signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys=keys, private_keys={})
        )
        (result,) = verifier.verify(
            answer,
            max_age=timedelta(minutes=5),
            expect_tag="coditect-answer",
            require_components=(*required, "content-type") if answer.content else required,
            body=answer.content,
        )
        return result
