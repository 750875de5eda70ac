"""Firebase users: whose ID token it is, which account is theirs, and which of their sign-ins are still believed."""

from dataclasses import dataclass

import jwt
from django.conf import settings
from django.db import IntegrityError, transaction

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
    if known.second_factor:
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
    """Whose account a Firebase user has, and whether they have just signed in there."""

    user: User
    fresh: bool
    second_factor: bool


def _find(claims: Claims) -> _Known | None:
    asked = {"project": claims.project_id, "uid": claims.uid, "signed_in": claims.signed_in_at, "fresh": FRESH_FOR}
    users = list(User.objects.raw(_KNOWN, asked))
    if not users:
        return None
    about_link = vars(users[0])
    if about_link["link_ended"]:
        raise FirebaseSignInEnded
    return _Known(users[0], fresh=about_link["link_fresh"], second_factor=about_link["link_second_factor"])


# By hand, as the query of our own sessions is: every request with an ID token asks it. Whole seconds are all that the
# time of a sign-in has.
_KNOWN = """
select u.*, statement_timestamp() - %(signed_in)s <= %(fresh)s as link_fresh,
  coalesce(%(signed_in)s < date_trunc('second', i.not_before), false) as link_ended,
  exists(select from users_authenticator a where a.user_id = u.id and a.confirmed_at is not null) as link_second_factor
from users_firebaseidentity i join users_user u on u.id = i.user_id
where i.project_id = %(project)s and i.uid = %(uid)s
"""


def link(*, user: User, claims: Claims) -> None:
    """Write down that this Firebase user is this user of ours.

    Raises FirebaseIdentityTaken when somebody just did, after which the caller's transaction cannot go on.
    """
    try:
        with transaction.atomic(savepoint=False):
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
