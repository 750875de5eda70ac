"""Access and refresh tokens of users: JWTs signed by the keyring, made and read with simplejwt as the codec."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import Token

from config.kernel.keyring import Purpose, keyring
from users.errors import NotAuthenticated

ISSUER = "coditect-cloud"
AUDIENCE = "coditect-api"
ACCESS_LIFETIME = timedelta(minutes=5)
REFRESH_LIFETIME = timedelta(days=30)


class KeyringBackend(TokenBackend):
    """simplejwt's codec over several keys: the newest signs, the token's `kid` picks the one that verifies."""

    def __init__(self) -> None:
        super().__init__("EdDSA", audience=AUDIENCE, issuer=ISSUER)

    def encode(self, payload: dict[str, Any]) -> str:
        """Return the signed token, with its key's id in the header.

        The token's date picks the key, and not the moment: a refresh token that is given again is the same text, also
        when another key has begun to sign in between.
        """
        key = keyring(Purpose.USER_TOKEN).signing_at(datetime.fromtimestamp(payload["iat"], UTC))
        claims = {**payload, "aud": AUDIENCE, "iss": ISSUER}
        return jwt.encode(claims, key.private, algorithm=key.algorithm, headers={"kid": key.kid})

    def get_verifying_key(self, token: Any) -> Any:
        """Return the public key the token names; raises TokenBackendError for one we do not have."""
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("malformed token") from error
        key = keyring(Purpose.USER_TOKEN).find(kid)
        if key is None:
            raise TokenBackendError("unknown key")
        return key.public


@lru_cache(maxsize=1)
def _backend() -> KeyringBackend:
    return KeyringBackend()


class _UserToken(Token):
    @property
    def token_backend(self) -> TokenBackend:
        """The codec; simplejwt would otherwise use its single-key one."""
        return _backend()

    def get_token_backend(self) -> TokenBackend:
        """Return the codec (simplejwt's other way of asking)."""
        return _backend()


class AccessToken(_UserToken):
    """Proves a sign-in for a few minutes."""

    token_type = "access"  # noqa: S105  (the name of a kind of token)
    lifetime = ACCESS_LIFETIME


class RefreshToken(_UserToken):
    """Buys the next pair of tokens, once."""

    token_type = "refresh"  # noqa: S105
    lifetime = REFRESH_LIFETIME


@dataclass(frozen=True)
class Claims:
    """What a verified token says: whose it is and of which session."""

    user_id: UUID
    session_id: UUID


@dataclass(frozen=True)
class TokenPair:
    """What a sign-in and a refresh hand out."""

    access: str
    refresh: str


def issue(*, user_id: UUID, session_id: UUID, generation: int, issued_at: datetime) -> TokenPair:
    """Return the pair of a session's `generation`, the refresh token as issued at `issued_at`.

    The refresh token is the same text each time it is asked for (EdDSA is deterministic), so that a client whose answer
    was lost can be given it again; the access token is a new one.
    """
    access, refresh = AccessToken(), RefreshToken()
    refresh.set_iat(at_time=issued_at)
    refresh.set_exp(from_time=issued_at)
    refresh["jti"] = f"{session_id.hex}.{generation}"
    for token in (access, refresh):
        token["sub"], token["sid"] = str(user_id), str(session_id)
    return TokenPair(str(access), str(refresh))


def signed_until(*, kid: str, stopped: datetime) -> datetime:
    """Return until when a token may live that was signed by a key which signed until `stopped`."""
    return stopped + REFRESH_LIFETIME


def read_access(raw: str) -> Claims:
    """Return the claims of a valid access token; raises NotAuthenticated."""
    return _read(AccessToken, raw)


def read_refresh(raw: str) -> Claims:
    """Return the claims of a valid refresh token; raises NotAuthenticated."""
    return _read(RefreshToken, raw)


def _read(kind: type[_UserToken], raw: str) -> Claims:
    try:
        token = kind(raw)  # type: ignore[arg-type]
        return Claims(UUID(token["sub"]), UUID(token["sid"]))
    except (TokenError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotAuthenticated from error
