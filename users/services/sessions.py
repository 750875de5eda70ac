"""Sessions: begun by a sign-in, kept alive by refreshing, ended by signing out or by what makes them unsafe."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from config.kernel import clock
from config.kernel.digests import keyed_hash
from config.kernel.ids import new_id
from users import tokens
from users.errors import NotAuthenticated, SessionRevoked
from users.models import FirebaseIdentity, Session, User, UserStatus
from users.services import audit
from users.tokens import TokenPair

RETRY_GRACE = timedelta(seconds=10)
"""A client whose answer was lost may repeat its refresh within this time; later it is taken for a thief."""

FRESH_FOR = timedelta(minutes=10)
"""How long a proof of identity is good for what asks for a recent one (step-up)."""
SECOND_FACTORS = {"otp", "recovery"}


@dataclass(frozen=True)
class SignIn:
    """A signed-in user and their first tokens."""

    user: User
    tokens: TokenPair


@dataclass(frozen=True)
class SignedIn:
    """Who a token is of, in which session, and how well they have proven who they are.

    `amr` says by what means; `fresh`: the last proof is younger than FRESH_FOR. An ID token of Firebase belongs to no
    session of ours: what it has is when they signed in there.
    """

    user: User
    session_id: UUID | None
    amr: tuple[str, ...] = ()
    fresh: bool = False
    firebase_signed_in_at: datetime | None = None

    @property
    def second_factor(self) -> bool:
        """Whether a second factor was among the means."""
        return not SECOND_FACTORS.isdisjoint(self.amr)


def start(*, user: User, amr: str, ip_address: str | None, user_agent: str) -> SignIn:
    """Begin a session for a user whose identity has been proven in full, by the means of `amr`."""
    with transaction.atomic(savepoint=False):
        session_id, now = new_id(), clock.now()
        pair = tokens.issue(user_id=user.id, session_id=session_id, generation=1, issued_at=now)
        Session.objects.create(
            id=session_id,
            user=user,
            refresh_hash=_hash(pair.refresh),
            token_version=user.token_version,
            amr=amr,
            authenticated_at=now,
            ip_address=ip_address,
            user_agent=user_agent[:300],
            rotated_at=now,
            expires_at=now + tokens.REFRESH_LIFETIME,
        )
        audit.record(
            action="USER_SIGNED_IN",
            organization_id=None,
            actor_id=user.id,
            object_type="session",
            object_id=session_id,
            amr=amr,
        )
    return SignIn(user, pair)


def refresh(*, refresh_token: str) -> TokenPair:
    """Exchange a refresh token for the next pair.

    The session's row lock lets one of any number of callers rotate. The others, and whoever repeats the request within
    RETRY_GRACE, are given the very token that the first one got: there is one good refresh token at any time. Later
    reuse of a rotated one ends the session for everybody. Raises NotAuthenticated, SessionRevoked.
    """
    claims = tokens.read_refresh(refresh_token)
    presented = _hash(refresh_token)
    with transaction.atomic():
        session = (
            Session.objects.select_for_update(of=("self",), no_key=True)
            .select_related("user")
            .annotate(since_rotation=Now() - F("rotated_at"), left=F("expires_at") - Now())
            .filter(id=claims.session_id, user_id=claims.user_id)
            .first()
        )
        if session is None:
            raise NotAuthenticated
        if session.revoked_at is not None or session.token_version != session.user.token_version:
            raise SessionRevoked
        if session.left <= timedelta(0) or session.user.status != UserStatus.ACTIVE:
            raise SessionRevoked
        retried = (
            session.previous_hash is not None
            and bytes(session.previous_hash) == presented
            and session.since_rotation <= RETRY_GRACE
        )
        reused = bytes(session.refresh_hash) != presented and not retried
        if reused:
            _revoke(session, reason="token_reused")
        elif not retried:
            _rotate(session)
    if reused:
        raise SessionRevoked
    return _pair(session)


def revoke_others(*, signed_in: SignedIn) -> int:
    """End a user's every session and sign-in at Firebase but the one they ask from; return how many sessions."""
    with transaction.atomic():
        live = Session.objects.select_for_update(no_key=True).filter(user=signed_in.user, revoked_at=None)
        others = [session for session in live if session.id != signed_in.session_id]
        FirebaseIdentity.objects.end_sign_ins(user_id=signed_in.user.id, keep_since=signed_in.firebase_signed_in_at)
        for session in others:
            _revoke(session, reason="signed_out_elsewhere")
    return len(others)


def logout(*, refresh_token: str) -> None:
    """End the session of a refresh token; a session that has ended already stays ended. Raises NotAuthenticated."""
    claims = tokens.read_refresh(refresh_token)
    revoke(user_id=claims.user_id, session_id=claims.session_id, reason="signed_out")


def revoke(*, user_id: UUID, session_id: UUID, reason: str) -> bool:
    """End a session of a user; return whether there was such a session that had not ended."""
    with transaction.atomic():
        session = (
            Session.objects.select_for_update(no_key=True)
            .filter(id=session_id, user_id=user_id, revoked_at=None)
            .first()
        )
        if session is not None:
            _revoke(session, reason=reason)
    return session is not None


def end_all(*, user: User, reason: str, keep: UUID | None = None, keep_since: datetime | None = None) -> None:
    """End every session of a user but `keep` at once, by raising the token version; the user's row is locked.

    Also every sign-in at Firebase, but those since `keep_since`.
    """
    user.token_version += 1
    user.save(update_fields=["token_version"])
    live = Session.objects.filter(user=user, revoked_at=None)
    if keep is not None:
        live.filter(id=keep).update(token_version=user.token_version)
    # Every session of an older token version is dead already; the rows say so, and since when.
    live.filter(token_version__lt=user.token_version).update(revoked_at=Now(), revoke_reason=reason)
    FirebaseIdentity.objects.end_sign_ins(user_id=user.id, keep_since=keep_since)


def record_proof(*, session_id: UUID, method: str) -> None:
    """Remember that the user of a session has just proven who they are, and how; in the caller's transaction."""
    session = Session.objects.select_for_update(no_key=True).get(id=session_id)
    session.amr = " ".join(dict.fromkeys([*session.methods, method]))
    session.authenticated_at = clock.now()
    session.save(update_fields=["amr", "authenticated_at"])


def forget_second_factor(*, session_id: UUID) -> None:
    """Let a session count as proven by its first factor only; in the caller's transaction."""
    session = Session.objects.select_for_update(no_key=True).get(id=session_id)
    session.amr = " ".join(method for method in session.methods if method not in SECOND_FACTORS)
    session.save(update_fields=["amr"])


def authenticate(*, access_token: str) -> SignedIn:
    """Return who an access token is of, if its session is alive; raises NotAuthenticated.

    The session is looked up every time (one indexed query), so that a revoked one stops at once and not in minutes.
    """
    claims = tokens.read_access(access_token)
    users = list(User.objects.raw(_SIGNED_IN, [FRESH_FOR, claims.session_id, claims.user_id]))
    if not users:
        raise NotAuthenticated
    about_session = vars(users[0])
    return SignedIn(
        users[0],
        claims.session_id,
        amr=tuple(about_session["session_amr"].split()),
        fresh=about_session["session_fresh"],
    )


# By hand, because every request asks it: building and compiling the same join again took more than half of its time.
_SIGNED_IN = """
select u.*, s.amr as session_amr, coalesce(s.authenticated_at > statement_timestamp() - %s, false) as session_fresh
from users_session s join users_user u on u.id = s.user_id
where s.id = %s and s.user_id = %s and s.revoked_at is null and s.expires_at > statement_timestamp()
  and u.status = 'active' and u.token_version = s.token_version
"""


def _pair(session: Session) -> TokenPair:
    return tokens.issue(
        user_id=session.user_id,
        session_id=session.id,
        generation=session.generation,
        issued_at=session.rotated_at,
    )


def _rotate(session: Session) -> None:
    session.previous_hash = session.refresh_hash
    session.generation += 1
    session.rotated_at = clock.now()
    session.refresh_hash = _hash(_pair(session).refresh)
    session.save(update_fields=["generation", "refresh_hash", "previous_hash", "rotated_at"])


def _revoke(session: Session, *, reason: str) -> None:
    session.revoked_at = clock.now()
    session.revoke_reason = reason
    session.save(update_fields=["revoked_at", "revoke_reason"])
    audit.record(
        action="SESSION_REVOKED",
        organization_id=None,
        actor_id=session.user_id,
        object_type="session",
        object_id=session.id,
        reason=reason,
    )


def _hash(refresh_token: str) -> bytes:
    return keyed_hash("refresh-token", refresh_token)
