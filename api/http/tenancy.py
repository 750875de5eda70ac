"""Which organization a request is about, and whether its caller may do there what they ask: the one place for both."""

from rest_framework.request import Request

from api.http.authentication import signed_in
from api.http.rate_limits import count_for_organization
from organizations.errors import PermissionDenied
from organizations.roles import Permission, allows
from organizations.selectors import Belonging, get_belonging

HEADER = "X-Organization"


def belonging(request: Request, permission: Permission = Permission.READ) -> Belonging:
    """Return the caller's membership of the request's organization: of the X-Organization header, else the default.

    Raises OrganizationNotFound (also for an organization they do not belong to), PermissionDenied, RateLimited.
    """
    return _admit(request, request.headers.get(HEADER), permission)


def member_of(request: Request, organization: str, permission: Permission = Permission.READ) -> Belonging:
    """Return the caller's membership of the organization in the path; raises as `belonging` does."""
    return _admit(request, organization, permission)


def _admit(request: Request, reference: str | None, permission: Permission) -> Belonging:
    found = get_belonging(user=signed_in(request), reference=reference)
    count_for_organization(request, found)
    if not allows(role=found.role, permission=permission):
        raise PermissionDenied().within(found.organization_id)
    return found
