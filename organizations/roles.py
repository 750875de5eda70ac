"""What each role may do, as data."""

from enum import StrEnum

from organizations.models import Role


class Permission(StrEnum):
    """Something a member may be allowed to do in their organization."""

    READ = "read"
    MANAGE_BILLING = "manage_billing"
    MANAGE_LICENSES = "manage_licenses"


PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset({Permission.READ, Permission.MANAGE_LICENSES}),
    Role.BILLING: frozenset({Permission.READ, Permission.MANAGE_BILLING}),
    Role.MEMBER: frozenset({Permission.READ}),
}


def allows(*, role: str, permission: Permission) -> bool:
    """Return whether a role includes a permission."""
    return permission in PERMISSIONS.get(role, frozenset())
