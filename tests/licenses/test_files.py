"""Licence files, read by another library than the one that wrote them, with nothing but the published keys."""

import base64
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from joserfc.jws import JWSRegistry
from rest_framework.test import APIClient

from config.kernel.keyring import Purpose, keyring
from tests.api.issued import licensed
from tests.jobs import run_jobs
from tests.journey import Licensed

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence."""
    return licensed()


def download(made: Licensed) -> dict[str, Any]:
    """Return the licence's file."""
    answer = made.customer.api.get(f"/api/v1/licenses/{made.license_id}/download/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/jose+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "coditect.license" in answer.headers["Content-Disposition"]
    body: dict[str, Any] = json.loads(answer.content)
    return body


def verify(file: Any) -> dict[str, Any]:
    """Return the payload of a file that the published keys verify; raises otherwise."""
    published = KeySet.import_key_set(APIClient().get("/.well-known/jwks.json").json())
    registry = JWSRegistry(algorithms=["PS256"], strict_check_header=False)
    checked = jws.deserialize_json(file, published, registry=registry)
    assert checked.headers()["typ"] == "coditect-license+jws"
    payload: dict[str, Any] = json.loads(checked.payload)
    return payload


def decoded(part: str) -> dict[str, Any]:
    """Return the JSON of a base64url part."""
    body: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return body


def encoded(value: Any) -> str:
    """Return JSON in base64url."""
    return raw_encoded(json.dumps(value).encode())


def raw_encoded(raw: bytes) -> str:
    """Return bytes in base64url."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class TestLicenseFile:
    def test_is_verified_by_another_library_with_the_published_keys(self, made: Licensed) -> None:
        file = download(made)
        assert set(file) == {"payload", "protected", "signature"}
        payload = verify(file)
        assert payload["license_key"] == made.license_key
        assert (payload["tier"], payload["max_seats"], payload["status"]) == ("starter", 3, "active")
        assert payload["organization_id"] == made.customer.organization_id
        assert set(payload) == {"license_id", "license_key", "organization_id", "tier", "features", "max_seats",
                                "status", "issued_at", "expires_at", "grace_period_ends_at"}  # fmt: skip

    def test_names_type_algorithm_and_key_inside_what_is_signed(self, made: Licensed) -> None:
        header = decoded(download(made)["protected"])
        assert (header["typ"], header["alg"]) == ("coditect-license+jws", "PS256")
        published = APIClient().get("/.well-known/jwks.json").json()["keys"]
        (key,) = [key for key in published if key["kid"] == header["kid"]]
        assert (key["kty"], key["alg"], key["use"], len(base64.urlsafe_b64decode(key["n"] + "=="))) == (
            "RSA", "PS256", "sig", 512)  # fmt: skip

    def test_fails_once_its_content_is_changed(self, made: Licensed) -> None:
        file = download(made)
        lies = ({"max_seats": 9999}, {"tier": "enterprise"}, {"expires_at": "2999-01-01T00:00:00Z"}, {"status": ""})
        for lie in lies:
            with pytest.raises(JoseError):
                verify(file | {"payload": encoded(decoded(file["payload"]) | lie)})

    def test_fails_once_its_header_is_changed(self, made: Licensed) -> None:
        file = download(made)
        for lie in ({"alg": "none"}, {"alg": "HS256"}, {"alg": "RS256"}, {"kid": "other"}, {"typ": "JWT"}):
            with pytest.raises((JoseError, ValueError)):
                verify(file | {"protected": encoded(decoded(file["protected"]) | lie)})

    def test_fails_once_a_single_byte_is_changed_anywhere(self, made: Licensed) -> None:
        file = download(made)
        for part in file:
            for place in (0, len(file[part]) // 2):
                other = "B" if file[part][place] == "A" else "A"
                with pytest.raises((JoseError, ValueError)):
                    verify(file | {part: file[part][:place] + other + file[part][place + 1 :]})

    def test_is_not_forged_by_whoever_knows_what_is_public(self, made: Licensed) -> None:
        """Signed by nobody, or with our public key as the secret of an HMAC, under headers that say so."""
        file = download(made)
        header = decoded(file["protected"])
        (jwk,) = [key for key in keyring(Purpose.LICENSE_FILE).public_jwks() if key["kid"] == header["kid"]]
        payload = encoded(decoded(file["payload"]) | {"max_seats": 9999})
        public = RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e")})
        for secret in (public.as_pem(private=False), public.as_der(private=False), json.dumps(jwk).encode()):
            protected = encoded(header | {"alg": "HS256"})
            signature = hmac.digest(secret, f"{protected}.{payload}".encode(), "sha256")
            with pytest.raises(JoseError):
                verify({"payload": payload, "protected": protected, "signature": raw_encoded(signature)})
        for algorithm in ("none", "None", ""):
            with pytest.raises(JoseError):
                verify({"payload": payload, "protected": encoded(header | {"alg": algorithm}), "signature": ""})

    def test_is_not_signed_by_our_keys_of_another_purpose(self, made: Licensed) -> None:
        file = download(made)
        for purpose in set(Purpose) - {Purpose.LICENSE_FILE}:
            key = keyring(purpose).signing
            assert isinstance(key.private, Ed25519PrivateKey)
            for algorithm in ("EdDSA", "PS256"):
                protected = encoded(decoded(file["protected"]) | {"kid": key.kid, "alg": algorithm})
                signature = key.private.sign(f"{protected}.{file['payload']}".encode())
                with pytest.raises((JoseError, ValueError)):
                    verify(file | {"protected": protected, "signature": raw_encoded(signature)})

    def test_fails_with_the_signature_of_another_licence(self, made: Licensed) -> None:
        file, other = download(made), download(licensed())
        with pytest.raises(JoseError):
            verify(file | {"signature": other["signature"]})
        with pytest.raises(JoseError):
            verify(file | {"signature": ""})

    def test_is_what_the_mail_brings(self, made: Licensed) -> None:
        run_jobs()
        mails = (
            APIClient().get(f"/local/mailbox?to={made.customer.email}", headers={"Accept": "application/json"}).json()
        )
        (mail,) = [mail for mail in mails if mail["kind"] == "license_issued"]
        (attachment,) = mail["attachments"]
        assert verify(json.loads(attachment["content"]))["license_key"] == made.license_key
        assert made.license_key in mail["text"]


class TestJwks:
    def test_publishes_public_halves_only_of_every_purpose(self) -> None:
        answer = APIClient().get("/.well-known/jwks.json")
        keys = answer.json()["keys"]
        rings = {purpose: keyring(purpose) for purpose in Purpose}
        assert {key["kid"]: key["alg"] for key in keys} == {
            key.kid: "PS256" if purpose is Purpose.LICENSE_FILE else "EdDSA"
            for purpose, ring in rings.items()
            for key in ring.keys
        }
        for key in keys:
            assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
