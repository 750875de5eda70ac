"""Two-factor sign-in: set up with an authenticator app, proven by a code, switched off.

How much guessing is possible: whoever has the password may try 5 codes at once, then waits 30 s, 60 s, and so on up to
an hour a try, until the owner's next good code. That is at most 35 tries in the first day and 24 in each after it, of
which each hits one of 3 codes in a million: 0.011 % in the first day, 0.008 % in any other. PostgreSQL counts, so that
neither several pods nor the loss of Redis let one more through.

What changes a second factor locks the user, and raises NotAuthenticated when their sign-in has ended meanwhile.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from config.kernel import clock, envelope
from users import totp
from users.errors import MfaAlreadyEnabled, MfaAttemptsExceeded, MfaCodeInvalid, MfaNotEnabled, RecoveryCodeInvalid
from users.models import Authenticator, User
from users.services import audit, recovery_codes, sessions, still_signed_in

FREE_ATTEMPTS = 5
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 30, 3600
OTP, RECOVERY = "otp", "recovery"


@dataclass(frozen=True)
class Enrollment:
    """What an app is set up with; shown once."""

    secret: str
    otpauth_uri: str


def begin(*, user: User) -> Enrollment:
    """Give a user a new secret for their app, in place of one that was never confirmed. Raises MfaAlreadyEnabled."""
    secret = totp.new_secret()
    with transaction.atomic(savepoint=False):
        locked = still_signed_in.lock(user)
        _refuse_enabled(locked)
        still_signed_in.refuse_overtaken(user, locked=locked)
        Authenticator.objects.update_or_create(
            user=user, defaults={"secret": envelope.wrap(secret, *_context(user.id))}
        )
    return Enrollment(totp.as_text(secret), totp.provisioning_uri(secret, account=user.email))


def confirm(*, user: User, session_id: UUID, code: str) -> list[str]:
    """Switch two-factor sign-in on by the app's first code; return the recovery codes, which are shown once.

    Every other session ends, since it began without. Raises MfaNotEnabled before `begin`, MfaAlreadyEnabled,
    MfaCodeInvalid.
    """
    with transaction.atomic(savepoint=False):
        locked = still_signed_in.lock(user)
        _refuse_enabled(locked)
        still_signed_in.refuse_overtaken(user, locked=locked)
        begun = Authenticator.objects.filter(user=locked).first()
        if begun is None:
            raise MfaNotEnabled
        step = totp.matching_step(_secret(begun), code, at=clock.now())
        if step is None:
            raise MfaCodeInvalid
        Authenticator.objects.filter(user=locked).update(confirmed_at=Now(), last_step=step)
        sessions.end_all(user=locked, keep=session_id, reason="mfa_enabled")
        sessions.record_proof(session_id=session_id, method=OTP)
        _audit("MFA_ENABLED", user.id)
        return recovery_codes.renew(user=locked)


def renew_recovery_codes(*, user: User) -> list[str]:
    """Return a new set of recovery codes in place of the old one; raises MfaNotEnabled."""
    with transaction.atomic(savepoint=False):
        locked = still_signed_in.lock(user)
        if not locked.mfa_enabled:
            raise MfaNotEnabled
        still_signed_in.refuse_overtaken(user, locked=locked)
        _audit("MFA_RECOVERY_CODES_RENEWED", user.id)
        return recovery_codes.renew(user=user)


def disable(*, user: User, session_id: UUID) -> None:
    """Switch two-factor sign-in off; every other session ends, and this one counts as proven by the first factor only.

    Raises MfaNotEnabled.
    """
    with transaction.atomic(savepoint=False):
        locked = still_signed_in.lock(user)
        if not locked.mfa_enabled:
            raise MfaNotEnabled
        still_signed_in.refuse_overtaken(user, locked=locked)
        Authenticator.objects.filter(user=locked).delete()
        recovery_codes.void(user=locked)
        sessions.end_all(user=locked, keep=session_id, reason="mfa_disabled")
        sessions.forget_second_factor(session_id=session_id)
        _audit("MFA_DISABLED", user.id)


def count_attempt(*, user_id: UUID) -> None:
    """Count an attempt at a code, before it is looked at and in a transaction of its own; a good code clears the count.

    So none of any number at once goes uncounted. Raises MfaNotEnabled, MfaAttemptsExceeded.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {"user": user_id, "free": FREE_ATTEMPTS, "first": FIRST_DELAY_SECONDS, "longest": LONGEST_DELAY_SECONDS},
        )
        if cursor.rowcount == 1:
            return
    waiting = Authenticator.objects.filter(user_id=user_id, confirmed_at__isnull=False).first()
    if waiting is None:
        raise MfaNotEnabled
    seconds = (waiting.next_attempt_at - clock.now()).total_seconds()
    raise MfaAttemptsExceeded(retry_after=max(1, round(seconds)))


def prove(*, user_id: UUID, code: str | None, recovery_code: str | None) -> str:
    """Use a code, counted before, or a recovery code up, in the caller's transaction; return which kind it was.

    Raises MfaCodeInvalid, RecoveryCodeInvalid.
    """
    if recovery_code is not None:
        if not recovery_codes.use(user_id=user_id, code=recovery_code):
            raise RecoveryCodeInvalid
        _audit("MFA_RECOVERY_CODE_USED", user_id)
        return RECOVERY
    confirmed = Authenticator.objects.filter(user_id=user_id, confirmed_at__isnull=False)
    authenticator = confirmed.first()
    if authenticator is None:
        raise MfaCodeInvalid
    step = totp.matching_step(_secret(authenticator), code or "", at=clock.now())
    # Compare-and-set: of any number of callers with the same code, one moves the step on.
    if step is None or not confirmed.filter(last_step__lt=step).update(
        last_step=step, attempts=0, next_attempt_at=Now()
    ):
        raise MfaCodeInvalid
    return OTP


# By hand: the delay doubles, and Django's expressions for that are longer than the sum.
_COUNT = """
update users_authenticator set attempts = attempts + 1, next_attempt_at = clock_timestamp() + make_interval(
  secs => case when attempts + 1 < %(free)s then 0
               else least(%(longest)s, %(first)s * 2 ^ least(attempts + 1 - %(free)s, 20)) end)
where user_id = %(user)s and confirmed_at is not null and next_attempt_at <= clock_timestamp()
"""


def _refuse_enabled(user: User) -> None:
    if user.mfa_enabled:
        raise MfaAlreadyEnabled


def _secret(authenticator: Authenticator) -> bytes:
    return envelope.unwrap(bytes(authenticator.secret), *_context(authenticator.user_id))


def _context(user_id: UUID) -> tuple[str, str]:
    return "users.totp", str(user_id)


def _audit(action: str, user_id: UUID) -> None:
    audit.record(action=action, organization_id=None, actor_id=user_id, object_type="user", object_id=user_id)
