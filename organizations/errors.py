"""Every failure of the organizations app."""

from config.kernel.errors import DomainError, Kind


class OrganizationNotFound(DomainError):
    """No such organization, or the caller does not belong to it: the two are not told apart."""

    kind = Kind.NOT_FOUND
    code = "organization_not_found"
    detail = "There is no such organization."


class PermissionDenied(DomainError):
    """The caller's role does not include what this needs."""

    kind = Kind.FORBIDDEN
    code = "permission_denied"
    detail = "Your role in this organization does not allow this."
