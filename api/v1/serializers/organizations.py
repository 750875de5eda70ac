"""Shapes of organizations, members, invitations and teams."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from api.v1.serializers.auth import EmailField
from organizations.models import (
    Invitation,
    Membership,
    MfaRequirement,
    Organization,
    Quota,
    QuotaName,
    Role,
    Team,
    TeamMembership,
)


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    """An organization, as its members see it."""

    class Meta:
        model = Organization
        fields = ["id", "name", "slug", "status", "region", "require_mfa", "created_at"]
        read_only_fields = fields


class QuotaSerializer(serializers.Serializer[Any]):
    """One quota, and how it stands."""

    limit = serializers.IntegerField(allow_null=True, help_text="What the plan allows; null is no limit.")
    used = serializers.IntegerField(allow_null=True, help_text="Null when it is not counted.")
    remaining = serializers.IntegerField(allow_null=True, help_text="What is left; 0 also above the limit.")


class UsageSerializer(serializers.Serializer[Any]):
    """An organization's quotas, by name."""

    members = QuotaSerializer()
    licenses = QuotaSerializer()
    memory_sessions = QuotaSerializer()
    requests_per_minute = QuotaSerializer()

    @staticmethod
    def shape(quotas: Iterable[Quota], *, requests: int | None) -> dict[str, Any]:
        """Return the quotas by name; `requests` is what Redis counted of the running minute."""
        shaped = {}
        for quota in quotas:
            used = requests if quota.name == QuotaName.REQUESTS_PER_MINUTE else quota.used
            left = None if quota.allowed is None or used is None else max(0, quota.allowed - used)
            shaped[quota.name] = {"limit": quota.allowed, "used": used, "remaining": left}
        return shaped


class NameSerializer(serializers.Serializer[Any]):
    """A name to give."""

    name = serializers.CharField(max_length=120)


class OrganizationChangesSerializer(serializers.Serializer[Any]):
    """What may be changed about an organization."""

    name = serializers.CharField(max_length=120, required=False)
    require_mfa = serializers.ChoiceField(
        MfaRequirement.choices, required=False, help_text="Of whom two-factor sign-in is asked. Owners only."
    )


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A member of an organization."""

    user_id = serializers.UUIDField(source="user.id")
    email = serializers.EmailField(source="user.email")
    full_name = serializers.CharField(source="user.full_name")

    class Meta:
        model = Membership
        fields = ["user_id", "email", "full_name", "role", "created_at"]
        read_only_fields = fields


class RoleSerializer(serializers.Serializer[Any]):
    """A role to give."""

    role = serializers.ChoiceField(Role.choices)


class UserIdSerializer(serializers.Serializer[Any]):
    """A person."""

    user_id = serializers.UUIDField()


class InviteSerializer(serializers.Serializer[Any]):
    """Somebody to invite."""

    email = EmailField(max_length=254)
    role = serializers.ChoiceField(Role.choices, default=Role.MEMBER)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An open invitation; its link is in the mail only."""

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "invited_by_id", "created_at", "expires_at"]
        read_only_fields = fields


class AcceptSerializer(serializers.Serializer[Any]):
    """An invitation's token; a new user adds name and password."""

    token = serializers.CharField(max_length=200)
    full_name = serializers.CharField(max_length=200, required=False)
    password = serializers.CharField(max_length=128, trim_whitespace=False, required=False)


class AcceptedSerializer(serializers.Serializer[Any]):
    """Where the invited person now belongs."""

    organization_id = serializers.UUIDField()
    user_id = serializers.UUIDField()


class TeamSerializer(serializers.ModelSerializer[Team]):
    """A team."""

    members_count = serializers.IntegerField(default=0)

    class Meta:
        model = Team
        fields = ["id", "name", "members_count", "created_at"]
        read_only_fields = fields


class TeamMemberSerializer(serializers.ModelSerializer[TeamMembership]):
    """A member of a team."""

    user_id = serializers.UUIDField(source="user.id")
    email = serializers.EmailField(source="user.email")
    full_name = serializers.CharField(source="user.full_name")

    class Meta:
        model = TeamMembership
        fields = ["user_id", "email", "full_name", "created_at"]
        read_only_fields = fields
