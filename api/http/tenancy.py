"""Which organization a request is about, and whether its caller may do there what they ask: the one place for both."""

from rest_framework.request import Request

from api.http.authentication import session, signed_in
from api.http.rate_limits import count_for_organization
from organizations.errors import MfaEnrollmentRequired, OrganizationNotFound, PermissionDenied
from organizations.roles import Permission, allows
from organizations.selectors import Belonging, get_belonging
from organizations.services import second_factor
from users.errors import MfaRequired

HEADER = "X-Organization"
NOT_ADMITTED = (OrganizationNotFound, MfaEnrollmentRequired, MfaRequired)
"""Why a member may be turned away from an organization's routes, whatever their role."""


def belonging(request: Request, permission: Permission = Permission.READ) -> Belonging:
    """Return the caller's membership of the request's organization: of the X-Organization header, else the default.

    Raises OrganizationNotFound (also for an organization they do not belong to), PermissionDenied, RateLimited; and
    MfaEnrollmentRequired or MfaRequired where it asks for two-factor sign-in and the session was made without.
    """
    return _admit(request, request.headers.get(HEADER), permission)


def member_of(request: Request, organization: str, permission: Permission = Permission.READ) -> Belonging:
    """Return the caller's membership of the organization in the path; raises as `belonging` does."""
    return _admit(request, organization, permission)


def seat_keeper(request: Request) -> Belonging:
    """Return the caller's membership for what they do with their own seat; raises OrganizationNotFound, RateLimited.

    Whether the organization asks for two-factor sign-in is not looked at: asking for it stops no machine at work.
    """
    found = get_belonging(user=signed_in(request), reference=request.headers.get(HEADER))
    count_for_organization(request, found)
    return found


def proven_enough(request: Request, found: Belonging) -> bool:
    """Return whether the caller's session has the second factor that the organization asks them for, if it does."""
    return not found.mfa_required or session(request).second_factor


def _admit(request: Request, reference: str | None, permission: Permission) -> Belonging:
    user = signed_in(request)
    found = get_belonging(user=user, reference=reference)
    count_for_organization(request, found)
    if not proven_enough(request, found):
        second_factor.refuse_without(user=user)
    if not allows(role=found.role, permission=permission):
        raise PermissionDenied().within(found.organization_id)
    return found
