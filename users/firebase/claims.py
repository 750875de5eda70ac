"""What a verified Firebase ID token says, in our words."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from users.errors import FirebaseTokenInvalid
from users.models.user import normalize_email

ANONYMOUS = "anonymous"
LONGEST_EMAIL, LONGEST_NAME = 254, 200


@dataclass(frozen=True)
class Claims:
    """A Firebase user as one ID token shows them; `email` is None when there is none that can be stored."""

    project_id: str
    uid: str
    provider: str
    email: str | None
    email_verified: bool
    full_name: str
    signed_in_at: datetime


def read(token: dict[str, Any], *, project_id: str) -> Claims:
    """Return the claims of a token that the SDK has verified; raises FirebaseTokenInvalid for odd ones.

    A token of a tenant (Identity Platform) is refused: its uid may be that of another person in the project.
    """
    firebase = token.get("firebase")
    provider = firebase.get("sign_in_provider") if isinstance(firebase, dict) else None
    uid = token.get("sub")
    if not isinstance(firebase, dict) or not isinstance(provider, str) or firebase.get("tenant"):
        raise FirebaseTokenInvalid
    if not isinstance(uid, str) or not uid.isprintable():
        raise FirebaseTokenInvalid
    email = _email(token.get("email"))
    return Claims(
        project_id=project_id,
        uid=uid,
        provider=provider,
        email=email,
        email_verified=email is not None and token.get("email_verified") is True,
        full_name=_name(token.get("name")) or (email or "").partition("@")[0],
        signed_in_at=_moment(token.get("auth_time")),
    )


def _email(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > LONGEST_EMAIL:
        return None
    email = normalize_email(value)
    try:
        validate_email(email)
    except ValidationError:
        return None
    return email


def _name(value: Any) -> str:
    text = "".join(sign for sign in value if sign.isprintable()) if isinstance(value, str) else ""
    return text.strip()[:LONGEST_NAME]


def _moment(value: Any) -> datetime:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FirebaseTokenInvalid
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise FirebaseTokenInvalid from error
