"""Creating accounts and verifying their addresses."""

from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from config.kernel import clock
from users.errors import EmailTaken, WeakPassword
from users.models import TokenPurpose, User, UserStatus
from users.models.user import normalize_email
from users.services import audit, firebase_sync, one_time_tokens, passwords


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
    return _insert(user)


def create_proven_user(*, email: str, full_name: str, default_organization_id: UUID | None = None) -> User:
    """Create an account whose address somebody else has verified (Firebase), with no password that fits.

    Raises EmailTaken, as `create_user` does.
    """
    user = User(
        email=normalize_email(email),
        full_name=full_name,
        email_verified_at=clock.now(),
        default_organization_id=default_organization_id,
    )
    user.set_unusable_password()
    return _insert(user)


def take_over(*, user: User, full_name: str) -> None:
    """Give an account that nobody has verified to who has proven the address: nothing of whoever made it stays.

    They may have registered a stranger's address to wait for its owner; so their password and name go.
    """
    passwords.remove(user=user)
    User.objects.filter(id=user.id).update(email_verified_at=Now(), full_name=full_name)
    _audit("EMAIL_VERIFIED", user.id)
    firebase_sync.request(user_id=user.id)
    user.refresh_from_db()


def _insert(user: User) -> User:
    try:
        with transaction.atomic(savepoint=False):
            user.save(force_insert=True)
            _audit("USER_REGISTERED", user.id, platform_admin=user.is_platform_admin)
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
            firebase_sync.request(user_id=user.id)
    return user, newly


def find_unverified(*, email: str) -> UUID | None:
    """Return the id of the active user of this address if it is still to be verified, else None."""
    return _id_of(email, email_verified_at=None)


def update_profile(*, user: User, full_name: str | None = None, default_organization_id: UUID | None = None) -> User:
    """Change what a user may change about themselves; None leaves a field as it is."""
    if full_name is not None:
        user.full_name = full_name.strip()
    if default_organization_id is not None:
        user.default_organization_id = default_organization_id
    with transaction.atomic():
        user.save(update_fields=["full_name", "default_organization_id"])
        firebase_sync.request(user_id=user.id)
    return user


def find_active(*, email: str) -> UUID | None:
    """Return the id of the active user of an address, or None."""
    return _id_of(email)


def lock_by_email(*, email: str) -> User | None:
    """Return the user of an address, whatever their status, locked until the transaction ends; or None."""
    return User.objects.select_for_update(no_key=True).filter(email=normalize_email(email)).first()


def mark_verified(*, user: User, default_organization_id: UUID) -> None:
    """Take a new user's address for verified, since they came by a mail to it, and give them their organization."""
    with transaction.atomic():
        User.objects.filter(id=user.id).update(email_verified_at=Now(), default_organization_id=default_organization_id)
        _audit("EMAIL_VERIFIED", user.id)
        firebase_sync.request(user_id=user.id)
    user.refresh_from_db()


def _id_of(email: str, **also: None) -> UUID | None:
    # The id alone: whether a whole user is read and built could be told from the time of the answer.
    found = User.objects.filter(email=normalize_email(email), status=UserStatus.ACTIVE, **also)
    return found.values_list("id", flat=True).first()


def _audit(action: str, user_id: UUID, **data: bool) -> None:
    audit.record(action=action, organization_id=None, actor_id=user_id, object_type="user", object_id=user_id, **data)
