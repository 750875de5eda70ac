"""A person with an account."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from config.kernel.ids import new_id


class UserStatus(models.TextChoices):
    """Whether the account may be used; only `active` may sign in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    INACTIVE = "inactive"


class UserManager(BaseUserManager["User"]):
    """Finds users by e-mail, whatever the case it is written in."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user with this e-mail; Django's own sign-in (staff pages) asks so."""
        return self.get(email=normalize_email(username or ""))


def normalize_email(email: str) -> str:
    """Return the form in which an e-mail is stored and compared: trimmed and lower-cased."""
    return email.strip().lower()


class User(AbstractBaseUser):
    """A person with an account; what they may do in an organization is their Membership's business."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=UserStatus, default=UserStatus.ACTIVE)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    is_platform_admin = models.BooleanField(default=False)
    # Raised to end every session of this user at once.
    token_version = models.PositiveIntegerField(default=0)
    default_organization_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ["id"]
        constraints = [
            # A database without case-insensitive collations is enough when nothing but lower case gets in.
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def email_verified(self) -> bool:
        """Whether the person has shown that they read mail at this address."""
        return self.email_verified_at is not None

    @property
    def mfa_enabled(self) -> bool:
        """Whether signing in asks for a second factor; a query, unless the authenticator was read with the user."""
        authenticator = getattr(self, "authenticator", None)
        return authenticator is not None and authenticator.confirmed_at is not None

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Django's word for "may sign in"."""
        return self.status == UserStatus.ACTIVE

    @property
    def is_staff(self) -> bool:
        """Whether Django's admin lets this user in."""
        return self.is_platform_admin and self.is_active

    def check_password(self, raw_password: str | None) -> bool:
        """Return whether this is the user's password; a hash in an old form is brought to today's.

        Only where it is still the one that was compared: Django would write the old password over one that was set
        meanwhile.
        """
        compared = self.password

        def upgrade(password: str) -> None:
            self.password = make_password(password)
            User.objects.filter(id=self.id, password=compared).update(password=self.password)

        return check_password(raw_password, compared, upgrade)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return what a session of Django's pages is bound to: raising the token version ends those as well."""
        bound_to = f"{self.token_version} {self.password}"
        return salted_hmac("users.session", bound_to, secret=secret, algorithm="sha256").hexdigest()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Return whether Django's admin shows an object: to platform admins, all of it."""
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        """Return whether Django's admin shows an app."""
        return self.is_staff
