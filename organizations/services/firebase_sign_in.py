"""Signing in with Firebase: an ID token becomes a session of ours, for a user who is known, linked or new."""

from django.db import transaction

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from emails.catalogue import EmailKind
from organizations.services import account_mail, founding, sign_up
from users.errors import AccountSuspended, EmailNotVerified, EmailTaken, FirebaseEmailUnverified, FirebaseIdentityTaken
from users.firebase.claims import Claims
from users.models import User, UserStatus
from users.services import accounts, firebase
from users.services.sessions import SignIn
from users.services.sign_in import begin


def sign_in(*, id_token: str, ip_address: str | None, user_agent: str) -> SignIn:
    """Exchange an ID token for a session; Firebase is asked whether the sign-in still holds, before any row is locked.

    Raises AccountSuspended, MfaRequired where a second factor is due, FirebaseEmailUnverified, EmailNotVerified (a
    linked account waits for its own address, another than the token's), and what `firebase.verify` raises.
    """
    claims = firebase.verify(id_token=id_token, check_revoked=True)
    try:
        user = _user_of(claims)
    except (EmailTaken, FirebaseIdentityTaken):
        # Another request with this token was first, and has committed: now they are known.
        user = _user_of(claims)
    return begin(user=user, amr=firebase.AMR, ip_address=ip_address, user_agent=user_agent)


def _user_of(claims: Claims) -> User:
    user = firebase.find_user(claims=claims)
    if user is not None and user.email_verified:
        return _active(user)
    if claims.email is None or not claims.email_verified:
        raise FirebaseEmailUnverified
    with transaction.atomic():
        owner = accounts.lock_by_email(email=claims.email)
        if owner is not None:
            # Once more, behind the lock: whoever was here first may have linked them.
            user = firebase.find_user(claims=claims)
        if user is not None and user != owner:
            raise EmailNotVerified
        if owner is not None:
            return _let_in(owner, claims, linked=user is not None)
    return _sign_up(claims.email, claims)


def _let_in(owner: User, claims: Claims, *, linked: bool) -> User:
    """Let a Firebase user into the account of the address that they have proven to be theirs."""
    _active(owner)
    if not owner.email_verified:
        accounts.take_over(user=owner, full_name=claims.full_name)
        sign_up.welcome(user=owner)
    if not linked:
        firebase.link(user=owner, claims=claims)
        account_mail.queue_notice(user=owner, kind=EmailKind.FIREBASE_LINKED, provider=claims.provider)
    return owner


def _sign_up(email: str, claims: Claims) -> User:
    organization_id = new_id()
    with organization_context(organization_id):
        user = accounts.create_proven_user(
            email=email, full_name=claims.full_name, default_organization_id=organization_id
        )
        founding.found(organization_id=organization_id, owner=user, name=user.full_name)
        firebase.link(user=user, claims=claims)
        sign_up.welcome(user=user)
    return user


def _active(user: User) -> User:
    if user.status != UserStatus.ACTIVE:
        raise AccountSuspended
    return user
