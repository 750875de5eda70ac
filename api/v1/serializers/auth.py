"""Shapes of the /auth routes."""

from typing import Any

from rest_framework import serializers

from users.models import Session, User
from users.models.user import normalize_email

LONGEST_TOKEN = 4096


class EmailField(serializers.EmailField):
    """An e-mail address in its stored form."""

    def to_internal_value(self, data: Any) -> str:
        """Trim and lower-case, so that a length or a comparison means the same everywhere."""
        return normalize_email(super().to_internal_value(data))


class RegisterSerializer(serializers.Serializer[Any]):
    """A sign-up."""

    email = EmailField(max_length=254)
    password = serializers.CharField(
        max_length=128, trim_whitespace=False, help_text="8 to 128 characters with upper, lower and digit."
    )
    full_name = serializers.CharField(max_length=200)
    company_name = serializers.CharField(max_length=200)


class RegisteredSerializer(serializers.Serializer[Any]):
    """What a sign-up made."""

    user_id = serializers.UUIDField()
    email = serializers.EmailField()
    organization_id = serializers.UUIDField()
    verification_sent = serializers.BooleanField()
    verification_token = serializers.CharField(required=False, help_text="In local and test runs only.")


class EmailSerializer(serializers.Serializer[Any]):
    """Just an address."""

    email = EmailField(max_length=254)


class VerifiedSerializer(serializers.Serializer[Any]):
    """That an address is verified."""

    email_verified = serializers.BooleanField()


class LoginSerializer(serializers.Serializer[Any]):
    """Credentials."""

    email = EmailField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class FirebaseSerializer(serializers.Serializer[Any]):
    """What somebody who signed in at Firebase has to show for it."""

    id_token = serializers.CharField(max_length=LONGEST_TOKEN)


class RefreshSerializer(serializers.Serializer[Any]):
    """A refresh token."""

    refresh = serializers.CharField(max_length=LONGEST_TOKEN)


class ResetPasswordSerializer(serializers.Serializer[Any]):
    """A mailed token and the password to set."""

    token = serializers.CharField(max_length=200)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class ChangePasswordSerializer(serializers.Serializer[Any]):
    """The password as it is and as it shall be."""

    current_password = serializers.CharField(max_length=128, trim_whitespace=False)
    new_password = serializers.CharField(max_length=128, trim_whitespace=False)


class ProfileSerializer(serializers.Serializer[Any]):
    """What users may change about themselves."""

    full_name = serializers.CharField(max_length=200, required=False)
    default_organization = serializers.CharField(
        max_length=80, required=False, help_text="Id or slug of an organization you belong to."
    )


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A place where the user is signed in."""

    current = serializers.SerializerMethodField(help_text="Whether this request came from it.")
    amr = serializers.ListField(
        child=serializers.CharField(), source="methods", help_text="How you proved who you are: pwd, otp, recovery."
    )

    class Meta:
        model = Session
        fields = [
            "id",
            "ip_address",
            "user_agent",
            "amr",
            "authenticated_at",
            "created_at",
            "rotated_at",
            "expires_at",
            "current",
        ]
        read_only_fields = fields

    def get_current(self, session: Session) -> bool:
        """Return whether it is the caller's own."""
        return bool(session.id == self.context["session_id"])


class TokenPairSerializer(serializers.Serializer[Any]):
    """An access token (5 minutes) and the refresh token that buys the next pair, once."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class UserSerializer(serializers.ModelSerializer[User]):
    """A user, as they see themselves."""

    email_verified = serializers.BooleanField(read_only=True)

    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "full_name",
            "status",
            "email_verified",
            "is_platform_admin",
            "default_organization_id",
            "created_at",
        ]
        read_only_fields = fields


class SignedInSerializer(TokenPairSerializer):
    """A sign-in: tokens and who they are for."""

    user = UserSerializer()


class BelongingSerializer(serializers.Serializer[Any]):
    """An organization the user belongs to."""

    organization_id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    role = serializers.CharField()
    mfa_required = serializers.BooleanField(help_text="Whether it asks you for two-factor sign-in.")


class MeSerializer(UserSerializer):
    """A user with the organizations they belong to."""

    organizations = BelongingSerializer(many=True)

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "organizations"]
