"""Creating accounts and verifying their addresses."""

from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from users.errors import EmailTaken, WeakPassword
from users.models import TokenPurpose, User, UserStatus
from users.models.user import normalize_email
from users.services import audit, one_time_tokens


def create_user(
    *,
    email: str,
    password: str,
    full_name: str,
    is_platform_admin: bool = False,
    default_organization_id: UUID | None = None,
) -> User:
    """Create an account whose address is yet to be verified.

    Raises WeakPassword, or EmailTaken (decided by the unique constraint, so two at once cannot both pass), after which
    the caller's transaction cannot go on.
    """
    user = User(
        email=normalize_email(email),
        full_name=full_name.strip(),
        is_platform_admin=is_platform_admin,
        default_organization_id=default_organization_id,
    )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(" ".join(error.messages)) from error
    user.password = make_password(password)
    try:
        with transaction.atomic(savepoint=False):
            user.save(force_insert=True)
            _audit("USER_REGISTERED", user.id, platform_admin=is_platform_admin)
    except IntegrityError as error:
        raise EmailTaken from error
    return user


def verify_email(*, token: str) -> tuple[User, bool]:
    """Verify the address a token was sent to; return the user and whether this call did it.

    Raises TokenInvalid, TokenExpired.
    """
    with transaction.atomic(savepoint=False):
        used, _ = one_time_tokens.use(token=token, purpose=TokenPurpose.VERIFY_EMAIL)
        user = used.user
        newly = User.objects.filter(id=user.id, email_verified_at=None).update(email_verified_at=Now()) == 1
        if newly:
            _audit("EMAIL_VERIFIED", user.id)
    return user, newly


def find_unverified(*, email: str) -> User | None:
    """Return the active user of this address if it is still to be verified, else None."""
    return User.objects.filter(email=normalize_email(email), email_verified_at=None, status=UserStatus.ACTIVE).first()


def update_profile(*, user: User, full_name: str | None = None, default_organization_id: UUID | None = None) -> User:
    """Change what a user may change about themselves; None leaves a field as it is."""
    if full_name is not None:
        user.full_name = full_name.strip()
    if default_organization_id is not None:
        user.default_organization_id = default_organization_id
    user.save(update_fields=["full_name", "default_organization_id"])
    return user


def find_active(*, email: str) -> User | None:
    """Return the active user of an address, or None."""
    return User.objects.filter(email=normalize_email(email), status=UserStatus.ACTIVE).first()


def mark_verified(*, user: User, default_organization_id: UUID) -> None:
    """Take a new user's address for verified, since they came by a mail to it, and give them their organization."""
    with transaction.atomic():
        User.objects.filter(id=user.id).update(email_verified_at=Now(), default_organization_id=default_organization_id)
        _audit("EMAIL_VERIFIED", user.id)
    user.refresh_from_db()


def _audit(action: str, user_id: UUID, **data: bool) -> None:
    audit.record(action=action, organization_id=None, actor_id=user_id, object_type="user", object_id=user_id, **data)
