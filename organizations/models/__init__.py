"""Tables of the organizations app."""

from organizations.models.data_key import DataKey
from organizations.models.membership import Membership, Role
from organizations.models.organization import Organization, OrganizationStatus

__all__ = ["DataKey", "Membership", "Organization", "OrganizationStatus", "Role"]
