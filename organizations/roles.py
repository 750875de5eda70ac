"""What each role may do, as data."""

from enum import StrEnum

from organizations.models import MfaRequirement, Role


class Permission(StrEnum):
    """Something a member may be allowed to do in their organization."""

    READ = "read"
    READ_AUDIT = "read_audit"
    MANAGE_BILLING = "manage_billing"
    MANAGE_LICENSES = "manage_licenses"
    MANAGE_MEMBERS = "manage_members"
    MANAGE_TEAMS = "manage_teams"
    MANAGE_ORGANIZATION = "manage_organization"
    MANAGE_SECURITY = "manage_security"
    TRANSFER_OWNERSHIP = "transfer_ownership"


PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission)
    - {Permission.MANAGE_BILLING, Permission.MANAGE_SECURITY, Permission.TRANSFER_OWNERSHIP},
    Role.BILLING: frozenset({Permission.READ, Permission.MANAGE_BILLING}),
    Role.MEMBER: frozenset({Permission.READ}),
}


# Whom a role may make, change and remove: nobody above themselves.
MAY_GRANT: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset(Role),
    Role.ADMIN: frozenset({Role.ADMIN, Role.BILLING, Role.MEMBER}),
}


# Whose sign-in has to have two factors.
ASKED_FOR_MFA: dict[str, frozenset[str]] = {
    MfaRequirement.NOBODY: frozenset(),
    MfaRequirement.OWNERS_AND_ADMINS: frozenset({Role.OWNER, Role.ADMIN}),
    MfaRequirement.EVERYBODY: frozenset(Role),
}


def may_grant(*, role: str, granted: str) -> bool:
    """Return whether a member of one role may make somebody another, or take it from them."""
    return granted in MAY_GRANT.get(role, frozenset())


def allows(*, role: str, permission: Permission) -> bool:
    """Return whether a role includes a permission."""
    return permission in PERMISSIONS.get(role, frozenset())
