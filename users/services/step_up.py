"""Step-up: a signed-in user proves again that it is them, before something that is hard to undo."""

from uuid import UUID

from django.db import transaction

from users.errors import InvalidCredentials, MfaRequired
from users.models import User
from users.selectors import has_second_factor
from users.services import audit, second_factor, sessions

PASSWORD, CODE, RECOVERY_CODE = "password", "code", "recovery_code"


def methods(*, user: User) -> list[str]:
    """Return what the user may prove themselves by: with two-factor sign-in on, a password is not enough."""
    return [CODE, RECOVERY_CODE] if has_second_factor(user_id=user.id) else [PASSWORD]


def attempt(*, user: User) -> None:
    """Count an attempt at a code before it is looked at; raises MfaNotEnabled, MfaAttemptsExceeded."""
    with transaction.atomic(durable=True):
        second_factor.count_attempt(user_id=user.id)


def renew(
    *,
    user: User,
    session_id: UUID,
    password: str | None = None,
    code: str | None = None,
    recovery_code: str | None = None,
) -> None:
    """Take this proof of identity for the session's newest. A code's attempt was counted before.

    Raises InvalidCredentials, MfaCodeInvalid, RecoveryCodeInvalid; MfaRequired for a password where two-factor sign-in
    is on.
    """
    method = "pwd"
    if password is not None:
        if has_second_factor(user_id=user.id):
            raise MfaRequired
        if not user.check_password(password):
            raise InvalidCredentials("The password is wrong.")
    with transaction.atomic(savepoint=False):
        if password is None:
            method = second_factor.prove(user_id=user.id, code=code, recovery_code=recovery_code)
        sessions.record_proof(session_id=session_id, method=method)
        audit.record(
            action="SESSION_STEPPED_UP",
            organization_id=None,
            actor_id=user.id,
            object_type="session",
            object_id=session_id,
            method=method,
        )
