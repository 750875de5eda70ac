"""Which tokens are believed to be ours, and of which kind."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.kernel.ids import new_id
from config.kernel.keyring import Purpose, SigningKey, keyring
from licenses.seats import tokens as seat_tokens
from licenses.seats.tokens import SeatClaims
from users import tokens
from users.errors import NotAuthenticated

USER, SESSION = new_id(), new_id()
SIGNED_IN_AT = datetime.now(UTC)
SOON = datetime.now(UTC) + timedelta(hours=1)


def key() -> SigningKey:
    """Return the key that signs users' tokens now."""
    return keyring(Purpose.USER_TOKEN).signing


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a good access token, some of them changed; None leaves one out."""
    good = {"token_type": "access", "iss": tokens.ISSUER, "aud": tokens.AUDIENCE, "sub": str(USER), "sid": str(SESSION),
            "jti": "1", "iat": int(datetime.now(UTC).timestamp()), "exp": int(SOON.timestamp())}  # fmt: skip
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(payload: dict[str, Any], *, private: Any = None, **headers: Any) -> str:
    """Sign claims, with our own key unless told otherwise."""
    return jwt.encode(payload, private or key().private, algorithm="EdDSA", headers={"kid": key().kid, **headers})


def encoded(value: Any) -> str:
    """Return JSON in base64url."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def without_signature(algorithm: str) -> str:
    """Return a token of alg none, in one of its spellings."""
    return f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': key().kid})}.{encoded(claims())}."


def hmac_with(secret: bytes) -> str:
    """Return a token signed by HS256 with something public for a secret."""
    head = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': key().kid})}.{encoded(claims())}"
    digest = hmac.new(secret, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def public(encoding: serialization.Encoding, form: serialization.PublicFormat) -> bytes:
    """Return our public key, as anybody can get it from the JWKS."""
    return key().private.public_key().public_bytes(encoding, form)


def seat_token() -> str:
    """Return a good token of the other kind."""
    return seat_tokens.issue(SeatClaims(SESSION, new_id(), new_id(), 1, 1), expires_at=SOON, offline_until=SOON)


PEM = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
PAST = int((datetime.now(UTC) - timedelta(seconds=1)).timestamp())
FORGED: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "no token": lambda: "nonsense",
    "two parts": lambda: "a.b",
    "five parts": lambda: "a.b.c.d.e",
    "no base64": lambda: "é.é.é",
    "no JSON": lambda: "YQ.YQ.YQ",
    "a header that is a list": lambda: f"{encoded([1])}.e30.",
    "a header nested deeply": lambda: f"{base64.urlsafe_b64encode(b'[' * 30_000).decode()}.e30.x",
    "alg none": lambda: without_signature("none"),
    "alg None": lambda: without_signature("None"),
    "alg missing": lambda: f"{encoded({'kid': key().kid})}.{encoded(claims())}.",
    "HS256 with the public key as PEM": lambda: hmac_with(public(*PEM)),
    "HS256 with the public key's bytes": lambda: hmac_with(public(*RAW)),
    "HS256 with the key's id": lambda: hmac_with(key().kid.encode()),
    "another's key under our id": lambda: signed(claims(), private=Ed25519PrivateKey.generate()),
    "an unknown id": lambda: signed(claims(), kid="unknown"),
    "no id": lambda: jwt.encode(claims(), key().private, algorithm="EdDSA"),
    "an id that is a path": lambda: signed(claims(), kid="../../../../dev/null"),
    "a key brought along": lambda: signed(claims(), private=Ed25519PrivateKey.generate(), jwk=key().public_jwk),
    "expired": lambda: signed(claims(exp=PAST)),
    "without expiry": lambda: signed(claims(exp=None)),
    "not yet valid": lambda: signed(claims(nbf=int(SOON.timestamp()))),
    "another issuer": lambda: signed(claims(iss="somebody-else")),
    "without issuer": lambda: signed(claims(iss=None)),
    "another audience": lambda: signed(claims(aud="coditect-seats")),
    "without audience": lambda: signed(claims(aud=None)),
    "without type": lambda: signed(claims(token_type=None)),
    "without subject": lambda: signed(claims(sub=None)),
    "a subject that is no id": lambda: signed(claims(sub="ada")),
    "without session": lambda: signed(claims(sid=None)),
    "a session that is a list": lambda: signed(claims(sid=[str(SESSION)])),
    "a seat token": seat_token,
    "a tampered payload": lambda: _with_payload(signed(claims()), claims(sub=str(new_id()))),
    "a cut signature": lambda: signed(claims())[:-4],
}


def _with_payload(token: str, payload: dict[str, Any]) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{encoded(payload)}.{signature}"


def issued(generation: int) -> tokens.TokenPair:
    """Return the tokens of one generation of a session."""
    return tokens.issue(user_id=USER, session_id=SESSION, generation=generation, issued_at=SIGNED_IN_AT)


class TestReadAccess:
    def test_believes_a_good_token(self) -> None:
        assert tokens.read_access(signed(claims())) == tokens.Claims(USER, SESSION)

    @pytest.mark.parametrize("forgery", FORGED)
    def test_refuses(self, forgery: str) -> None:
        with pytest.raises(NotAuthenticated):
            tokens.read_access(FORGED[forgery]())

    def test_refuses_a_refresh_token_and_the_reverse(self) -> None:
        pair = issued(1)
        with pytest.raises(NotAuthenticated):
            tokens.read_access(pair.refresh)
        with pytest.raises(NotAuthenticated):
            tokens.read_refresh(pair.access)
        assert tokens.read_access(pair.access).user_id == tokens.read_refresh(pair.refresh).user_id == USER


class TestIssue:
    def test_gives_each_generation_a_refresh_token_of_its_own(self) -> None:
        assert len({issued(generation).refresh for generation in range(20)}) == 20

    def test_gives_a_generation_the_same_refresh_token_again_and_a_new_access_token(self) -> None:
        one, again = issued(1), issued(1)
        assert one.refresh == again.refresh
        assert one.access != again.access

    def test_says_little_in_a_token_anybody_can_read(self) -> None:
        payload = jwt.decode(issued(1).access, options={"verify_signature": False})
        assert set(payload) == {"token_type", "exp", "iat", "jti", "sub", "sid", "aud", "iss"}
        assert payload["exp"] - payload["iat"] == 300
        assert UUID(payload["sub"]) == USER
