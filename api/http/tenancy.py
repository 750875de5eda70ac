"""Which organization a request is about: the X-Organization header (id or slug), else the user's default one."""

from rest_framework.request import Request

from api.http.authentication import signed_in
from organizations.errors import PermissionDenied
from organizations.roles import Permission, allows
from organizations.selectors import Belonging, get_belonging

HEADER = "X-Organization"


def belonging(request: Request, permission: Permission = Permission.READ) -> Belonging:
    """Return the caller's membership of the request's organization.

    Raises OrganizationNotFound (also for an organization they do not belong to), PermissionDenied.
    """
    found = get_belonging(user=signed_in(request), reference=request.headers.get(HEADER))
    if not allows(role=found.role, permission=permission):
        raise PermissionDenied
    return found
