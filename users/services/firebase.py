"""Firebase users: whose ID token it is, which account is theirs, and which of their sign-ins are still believed."""

from dataclasses import dataclass

import jwt
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, Value
from django.db.models.functions import Now

from users.errors import (
    FirebaseIdentityTaken,
    FirebaseNotConfigured,
    FirebaseNotLinked,
    FirebaseProviderNotAllowed,
    FirebaseSignInEnded,
    MfaRequired,
    NotAuthenticated,
)
from users.firebase import claims as firebase_claims
from users.firebase.claims import ANONYMOUS, Claims
from users.models import FirebaseIdentity, User, UserStatus
from users.services import audit
from users.services.sessions import FRESH_FOR, SignedIn

AMR = "firebase"
ISSUER = "https://securetoken.google.com/"


def is_id_token(raw: str) -> bool:
    """Return whether a Bearer token claims to be Firebase's, which is believed of none before it is verified."""
    if not settings.FIREBASE_PROJECT_ID:
        return False
    try:
        issuer = jwt.decode(raw, options={"verify_signature": False}).get("iss")
    except jwt.InvalidTokenError:
        return False
    return isinstance(issuer, str) and issuer.startswith(ISSUER)


def verify(*, id_token: str, check_revoked: bool) -> Claims:
    """Return what a good ID token of our project says, if its way to sign in is accepted.

    Raises FirebaseNotConfigured, FirebaseProviderNotAllowed, and what `users.firebase.sdk.verify` raises.
    """
    if not settings.FIREBASE_PROJECT_ID:
        raise FirebaseNotConfigured
    from users.firebase import sdk  # noqa: PLC0415  (heavy and optional)

    token = sdk.verify(id_token=id_token, check_revoked=check_revoked)
    claims = firebase_claims.read(token, project_id=settings.FIREBASE_PROJECT_ID)
    if claims.provider == ANONYMOUS or claims.provider not in settings.FIREBASE_SIGN_IN_PROVIDERS:
        raise FirebaseProviderNotAllowed
    return claims


def authenticate(*, id_token: str) -> SignedIn:
    """Return who a Bearer ID token is of; one query, no call to Firebase.

    Raises FirebaseNotLinked before the token was exchanged, FirebaseSignInEnded, NotAuthenticated for an account that
    is not active, MfaRequired for one with two-factor sign-in (the exchange asks for it), and what `verify` raises.
    """
    claims = verify(id_token=id_token, check_revoked=False)
    known = _find(claims)
    if known is None or not known.user.email_verified:
        raise FirebaseNotLinked
    if known.user.status != UserStatus.ACTIVE:
        raise NotAuthenticated
    if known.user.mfa_enabled:
        raise MfaRequired("Two-factor sign-in is on: exchange the ID token at /auth/firebase, and use what you get.")
    return SignedIn(
        known.user, session_id=None, amr=(AMR,), fresh=known.fresh, firebase_signed_in_at=claims.signed_in_at
    )


def find_user(*, claims: Claims) -> User | None:
    """Return the account of a Firebase user, None when there is none yet; raises FirebaseSignInEnded."""
    known = _find(claims)
    return known.user if known is not None else None


@dataclass(frozen=True)
class _Known:
    """Whose account a Firebase user has, and whether they have just signed in."""

    user: User
    fresh: bool


def _find(claims: Claims) -> _Known | None:
    identity = (
        FirebaseIdentity.objects.filter(project_id=claims.project_id, uid=claims.uid)
        .select_related("user__authenticator")
        .annotate(since_sign_in=Now() - Value(claims.signed_in_at, DateTimeField()))
        .first()
    )
    if identity is None:
        return None
    # Whole seconds are all that a token tells.
    if identity.not_before is not None and claims.signed_in_at < identity.not_before.replace(microsecond=0):
        raise FirebaseSignInEnded
    return _Known(identity.user, fresh=identity.since_sign_in <= FRESH_FOR)


def link(*, user: User, claims: Claims) -> None:
    """Write down that this Firebase user is this user of ours; raises FirebaseIdentityTaken when somebody just did."""
    try:
        with transaction.atomic():
            identity = FirebaseIdentity.objects.create(user=user, project_id=claims.project_id, uid=claims.uid)
    except IntegrityError as error:
        raise FirebaseIdentityTaken from error
    audit.record(
        action="FIREBASE_USER_LINKED",
        organization_id=None,
        actor_id=user.id,
        object_type="firebase_identity",
        object_id=identity.id,
        provider=claims.provider,
    )
