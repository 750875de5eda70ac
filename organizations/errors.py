"""Every failure of the organizations app."""

from config.kernel.errors import DomainError, Kind


class OrganizationNotFound(DomainError):
    """No such organization, or the caller does not belong to it: the two are not told apart."""

    kind = Kind.NOT_FOUND
    code = "organization_not_found"
    detail = "There is no such organization."


class AnotherOrganization(OrganizationNotFound):
    """One was asked for by name that the caller does not belong to; they are told the same, and it is kept in mind."""

    audited_as = "ORGANIZATION_REFUSED"


class PermissionDenied(DomainError):
    """The caller's role does not include what this needs."""

    kind = Kind.FORBIDDEN
    code = "permission_denied"
    audited_as = "PERMISSION_DENIED"
    detail = "Your role in this organization does not allow this."


class MfaEnrollmentRequired(DomainError):
    """The organization asks for two-factor sign-in, and the caller has not set it up."""

    kind = Kind.FORBIDDEN
    code = "mfa_enrollment_required"
    detail = "This organization asks for two-factor sign-in. Set it up first: POST /api/v1/auth/mfa/totp."


class MemberNotFound(DomainError):
    """The organization has no such member."""

    kind = Kind.NOT_FOUND
    code = "member_not_found"
    detail = "This organization has no such member."


class LastOwner(DomainError):
    """An organization keeps at least one owner."""

    kind = Kind.CONFLICT
    code = "last_owner"
    detail = "An organization keeps at least one owner. Make somebody else an owner first."


class AlreadyMember(DomainError):
    """The person belongs to the organization already."""

    kind = Kind.CONFLICT
    code = "already_member"
    detail = "This person is a member already."


class InvitationNotFound(DomainError):
    """No open invitation has this id or token."""

    kind = Kind.NOT_FOUND
    code = "invitation_not_found"
    detail = "There is no such invitation, or it is not open any more."


class InvitationExpired(DomainError):
    """The invitation's seven days have passed."""

    kind = Kind.GONE
    code = "invitation_expired"
    detail = "This invitation has expired. Ask for a new one."


class InvitationForSomebodyElse(DomainError):
    """The signed-in user has another address than the one that was invited."""

    kind = Kind.FORBIDDEN
    code = "invitation_for_somebody_else"
    detail = "This invitation was sent to another address."


class TeamNotFound(DomainError):
    """The organization has no such team."""

    kind = Kind.NOT_FOUND
    code = "team_not_found"
    detail = "This organization has no such team."


class TeamNameTaken(DomainError):
    """Another team of the organization has this name."""

    code = "team_name_taken"
    detail = "Another team has this name."
    attr = "name"


class QuotaExceeded(DomainError):
    """The organization's plan allows no more of something; `quota` names it, with its `limit` and what is `used`."""

    kind = Kind.OVER_QUOTA
    code = "quota_exceeded"
    detail = "Your plan allows no more of this. Change the plan, or remove something."
