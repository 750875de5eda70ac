"""Signing in to the staff pages: after the password, the second factor where there is one."""

from django.db import transaction

from users.errors import EmailNotVerified, MfaRequired
from users.models import User
from users.selectors import has_second_factor
from users.services import audit, second_factor


def finish(*, user: User, code: str | None = None, recovery_code: str | None = None) -> None:
    """Let in whoever has proven their password, and their second factor if they have one; leaves a trace.

    Raises EmailNotVerified, MfaRequired without a code where one is due, MfaCodeInvalid, RecoveryCodeInvalid,
    MfaAttemptsExceeded.
    """
    if not user.email_verified:
        raise EmailNotVerified
    due, amr = has_second_factor(user_id=user.id), "pwd"
    if due and code is None and recovery_code is None:
        raise MfaRequired("Enter the code of your authenticator app, or a recovery code.")
    if due and recovery_code is None:
        # Counted at once and for good, so that none of any number at once goes uncounted.
        with transaction.atomic(durable=True):
            second_factor.count_attempt(user_id=user.id)
    with transaction.atomic():
        if due:
            amr += " " + second_factor.prove(user_id=user.id, code=code, recovery_code=recovery_code)
        audit.record(
            action="STAFF_SIGNED_IN",
            organization_id=None,
            actor_id=user.id,
            object_type="user",
            object_id=user.id,
            amr=amr,
        )
