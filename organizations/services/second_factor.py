"""Two-factor sign-in, with what its owner is told by mail."""

from typing import NoReturn
from uuid import UUID

from emails.catalogue import EmailKind
from organizations.errors import MfaEnrollmentRequired
from organizations.services import account_mail
from users.errors import MfaRequired
from users.models import User
from users.selectors import count_recovery_codes, has_second_factor
from users.services import second_factor, sign_in, step_up
from users.services.sessions import SignIn


def refuse_without(*, user: User) -> NoReturn:
    """Turn away whoever came without the second factor that is asked for, saying what they lack.

    Raises MfaEnrollmentRequired, or MfaRequired for somebody who has set it up and signed in without.
    """
    if has_second_factor(user_id=user.id):
        raise MfaRequired("This organization asks for two-factor sign-in. Sign in again, with your second factor.")
    raise MfaEnrollmentRequired


def confirm(*, user: User, session_id: UUID, code: str) -> list[str]:
    """Switch two-factor sign-in on; return the recovery codes. Raises MfaNotEnabled, MfaAlreadyEnabled, MfaCodeInvalid.

    Every other session of the user ends.
    """
    with account_mail.at_home(user):
        codes = second_factor.confirm(user=user, session_id=session_id, code=code)
        account_mail.queue_notice(user=user, kind=EmailKind.MFA_ENABLED)
    return codes


def disable(*, user: User, session_id: UUID) -> None:
    """Switch two-factor sign-in off; every other session of the user ends. Raises MfaNotEnabled."""
    with account_mail.at_home(user):
        second_factor.disable(user=user, session_id=session_id)
        account_mail.queue_notice(user=user, kind=EmailKind.MFA_DISABLED)


def finish_sign_in(
    *,
    mfa_token: str,
    code: str | None = None,
    recovery_code: str | None = None,
    ip_address: str | None = None,
    user_agent: str = "",
) -> SignIn:
    """Sign in by the second factor.

    Raises MfaTokenInvalid, MfaCodeInvalid, RecoveryCodeInvalid, MfaAttemptsExceeded.
    """
    challenge = sign_in.attempt(mfa_token=mfa_token, with_code=code is not None)
    with account_mail.at_home(challenge.user):
        signed_in = sign_in.answer(
            challenge=challenge,
            code=code,
            recovery_code=recovery_code,
            ip_address=ip_address,
            user_agent=user_agent,
        )
        _tell_of(recovery_code, signed_in.user)
    return signed_in


def prove_again(
    *,
    user: User,
    session_id: UUID,
    password: str | None = None,
    code: str | None = None,
    recovery_code: str | None = None,
) -> None:
    """Renew a session's proof of identity (step-up).

    Raises InvalidCredentials, MfaCodeInvalid, RecoveryCodeInvalid, MfaAttemptsExceeded, MfaNotEnabled, MfaRequired.
    """
    if code is not None:
        step_up.attempt(user=user)
    with account_mail.at_home(user):
        step_up.renew(user=user, session_id=session_id, password=password, code=code, recovery_code=recovery_code)
        _tell_of(recovery_code, user)


def _tell_of(recovery_code: str | None, user: User) -> None:
    """Tell the owner of a recovery code that it was used, and how many are left."""
    if recovery_code is not None:
        left = count_recovery_codes(user_id=user.id)
        account_mail.queue_notice(user=user, kind=EmailKind.RECOVERY_CODE_USED, codes_left=str(left))
