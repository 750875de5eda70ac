"""Seat tokens: which are believed, and the many that are not."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.kernel.ids import new_id
from config.kernel.keyring import Purpose, keyring
from licenses.errors import SeatTokenInvalid
from licenses.seats import tokens
from licenses.seats.tokens import SeatClaims
from tests import journey

CLAIMS = SeatClaims(new_id(), new_id(), new_id(), lease_no=3, sequence=7)
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def token(*, expires_at: datetime | None = None) -> str:
    """Return a token we signed."""
    expires_at = expires_at or datetime.now(UTC) + timedelta(hours=1)
    return tokens.issue(CLAIMS, expires_at=expires_at, offline_until=expires_at)


def forged(change: Change, *, purpose: Purpose = Purpose.SEAT_TOKEN, key: Any = None) -> str:
    """Return our token with header and payload changed, signed again by our key for a purpose, or by another `key`."""
    header = jwt.get_unverified_header(token())
    payload = jwt.decode(token(), options={"verify_signature": False})
    signing = keyring(purpose).signing
    header["kid"] = signing.kid
    change(header, payload)
    # By hand, because a library does not sign what no library should read.
    text = ".".join(base64url(json.dumps(part).encode()) for part in (header, payload))
    private: Any = key or signing.private
    signature = b"" if header.get("alg") == "none" else private.sign(text.encode())
    return f"{text}.{base64url(signature)}"


def base64url(raw: bytes) -> str:
    """Return the text that stands for bytes in a token."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def nothing(header: dict[str, Any], payload: dict[str, Any]) -> None:
    """Change nothing."""


class TestTokens:
    def test_say_what_was_signed(self) -> None:
        assert tokens.read(token()) == CLAIMS
        assert jwt.get_unverified_header(token())["typ"] == "seat+jwt"

    def test_outlive_the_lease_by_a_day_so_that_a_late_beat_hears_why(self) -> None:
        now = datetime.now(UTC)
        assert tokens.read(token(expires_at=now - timedelta(hours=23))) == CLAIMS
        with pytest.raises(SeatTokenInvalid):
            tokens.read(token(expires_at=now - timedelta(hours=25)))

    @pytest.mark.parametrize(
        "made",
        [
            pytest.param(lambda: forged(nothing, key=Ed25519PrivateKey.generate()), id="another key"),
            pytest.param(lambda: forged(nothing, purpose=Purpose.USER_TOKEN), id="the key of user tokens"),
            pytest.param(lambda: forged(lambda h, p: h.update(kid="unknown")), id="an unknown key id"),
            pytest.param(lambda: forged(lambda h, p: h.update(kid=7)), id="a key id that is no text"),
            pytest.param(lambda: forged(lambda h, p: h.pop("kid")), id="no key id"),
            pytest.param(lambda: forged(lambda h, p: h.update(typ="JWT")), id="another type"),
            pytest.param(lambda: forged(lambda h, p: h.update(alg="none")), id="no signature"),
            pytest.param(lambda: forged(lambda h, p: h.update(alg="HS256")), id="another algorithm"),
            pytest.param(lambda: forged(lambda h, p: p.update(iss="somebody")), id="another issuer"),
            pytest.param(lambda: forged(lambda h, p: p.update(aud="coditect-users")), id="another audience"),
            pytest.param(lambda: forged(lambda h, p: p.pop("exp")), id="no end"),
            pytest.param(lambda: forged(lambda h, p: p.pop("lease")), id="no lease number"),
            pytest.param(lambda: forged(lambda h, p: p.update(sub="not an id")), id="no session id"),
            pytest.param(lambda: forged(lambda h, p: p.update(sub=7)), id="a number for a session id"),
            pytest.param(lambda: forged(lambda h, p: p.update(sequence=None)), id="no sequence"),
            pytest.param(lambda: token()[:-8] + "AAAAAAAA", id="a changed signature"),
            pytest.param(lambda: token().replace(".", "..", 1), id="a malformed token"),
            pytest.param(lambda: "", id="nothing"),
        ],
    )
    def test_of_others_are_refused(self, made: Callable[[], str]) -> None:
        with pytest.raises(SeatTokenInvalid):
            tokens.read(made())

    def test_of_our_own_hand_are_accepted(self) -> None:
        """Or the refusals above would prove nothing."""
        assert tokens.read(forged(nothing)) == CLAIMS

    def test_of_users_are_refused(self, db: None) -> None:
        customer = journey.sign_up()
        credentials = {"email": customer.email, "password": journey.PASSWORD}
        access = customer.api.post("/api/v1/auth/login", credentials).json()["access"]
        with pytest.raises(SeatTokenInvalid):
            tokens.read(access)
