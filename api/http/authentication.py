"""Who is calling: a user by access token or Firebase ID token, or a machine by its seat token; all come as Bearer."""

from typing import Any
from uuid import UUID

import jwt
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from config.kernel.errors import DomainError, Kind
from licenses.errors import SeatTokenInvalid
from licenses.seats import tokens as seat_tokens
from users.errors import SessionRequired
from users.models import User
from users.services import firebase, sessions
from users.services.sessions import SignedIn

REALM = 'Bearer realm="coditect"'


class AccessTokenAuthentication(BaseAuthentication):
    """Accepts a user's access token, or an ID token of theirs where Firebase is configured."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the user, None without a token; raises AuthenticationFailed for a bad one."""
        raw = bearer_token(request)
        return None if raw is None else self.authenticate_token(raw)

    def authenticate_token(self, raw: str) -> tuple[Any, Any]:
        """Return the user, and as `request.auth` their sign-in; raises AuthenticationFailed, DomainError."""
        try:
            if firebase.is_id_token(raw):
                signed_in = firebase.authenticate(id_token=raw)
            else:
                signed_in = sessions.authenticate(access_token=raw)
        except DomainError as error:
            if error.kind is not Kind.UNAUTHENTICATED:
                raise
            raise AuthenticationFailed(error.message, error.code) from error
        return signed_in.user, signed_in

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return REALM


class SeatOrAccessTokenAuthentication(AccessTokenAuthentication):
    """Accepts a seat token as well; `request.auth` is then its claims and `request.user` None."""

    def authenticate_token(self, raw: str) -> tuple[User | None, Any]:
        """Return (user, token) or (None, seat claims), as the token's own type says; raises AuthenticationFailed."""
        if _type_of(raw) != seat_tokens.TYPE:
            return super().authenticate_token(raw)
        try:
            return None, seat_tokens.read(raw)
        except SeatTokenInvalid as error:
            raise AuthenticationFailed(error.message) from error


def signed_in(request: Request) -> User:
    """Return the user of a request whose permissions have let only signed-in users through; raises NotAuthenticated."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def session(request: Request) -> SignedIn:
    """Return in which sign-in, and how well proven, a signed-in user's request comes; raises NotAuthenticated."""
    if not isinstance(request.auth, SignedIn):
        raise NotAuthenticated
    return request.auth


def session_id(request: Request) -> UUID:
    """Return the session of ours that a user's request comes from; raises NotAuthenticated, SessionRequired."""
    found = session(request).session_id
    if found is None:
        raise SessionRequired
    return found


def viewer_id(request: Request) -> UUID | None:
    """Return the id of the signed-in user, or None."""
    return request.user.id if isinstance(request.user, User) else None


def bearer_token(request: Request) -> str | None:
    """Return the Bearer token, None when the header is missing or of another scheme; raises AuthenticationFailed."""
    parts = get_authorization_header(request).split()
    if not parts or parts[0].lower() != b"bearer":
        return None
    if len(parts) != 2:
        raise AuthenticationFailed("The Authorization header must be: Bearer <token>")
    try:
        return parts[1].decode("ascii")
    except UnicodeDecodeError:
        raise AuthenticationFailed("The token is not valid or has expired.") from None


def _type_of(raw: str) -> str | None:
    try:
        return jwt.get_unverified_header(raw).get("typ")
    except jwt.InvalidTokenError:
        return None
