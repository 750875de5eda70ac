"""The base of every failure that the product's rules can produce; only `api.http.errors` turns one into HTTP."""

from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID


class Kind(StrEnum):
    """What sort of failure it is; the HTTP layer maps each to one status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    OVER_QUOTA = "over_quota"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    GONE = "gone"
    UNPROCESSABLE = "unprocessable"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"


class DomainError(Exception):
    """A rule said no. Subclasses fix `kind` and the stable public `code`; `detail` is a sentence for a person.

    `attr` names the body field at fault, where there is one; `extra` becomes top-level members of the answer;
    `retry_after` is in whole seconds. A class with `audited_as` leaves an audit entry of that action when it refuses a
    request: in the log of `organization_id`, or of the platform.
    """

    kind: ClassVar[Kind] = Kind.INVALID
    code: ClassVar[str] = "invalid"
    detail: ClassVar[str] = "The request cannot be carried out."
    attr: ClassVar[str | None] = None
    audited_as: ClassVar[str | None] = None
    organization_id: UUID | None = None

    def __init__(self, detail: str | None = None, *, retry_after: int | None = None, **extra: Any) -> None:
        self.message = detail or self.detail
        self.retry_after = retry_after
        self.extra = extra
        self.trace: dict[str, str] = {}
        super().__init__(self.message)

    def within(self, organization_id: UUID) -> Self:
        """Say whose affairs were refused, and return the failure."""
        self.organization_id = organization_id
        return self

    def traced(self, **facts: str) -> Self:
        """Add small facts for the audit log, which the caller is not told, and return the failure."""
        self.trace |= facts
        return self


class DependencyUnavailable(DomainError):
    """A store or vendor that this request cannot do without does not answer."""

    kind = Kind.UNAVAILABLE
    code = "service_unavailable"
    detail = "The service cannot answer right now. Try again shortly."
