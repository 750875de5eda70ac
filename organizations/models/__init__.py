"""Tables of the organizations app."""

from organizations.models.data_key import DataKey
from organizations.models.invitation import Invitation
from organizations.models.membership import Membership, Role
from organizations.models.organization import MfaRequirement, Organization, OrganizationStatus
from organizations.models.quota import Quota, QuotaName
from organizations.models.team import Team, TeamMembership

__all__ = [
    "DataKey",
    "Invitation",
    "Membership",
    "MfaRequirement",
    "Organization",
    "OrganizationStatus",
    "Quota",
    "QuotaName",
    "Role",
    "Team",
    "TeamMembership",
]
