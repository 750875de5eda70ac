"""Every failure of the licenses app."""

from typing import Any

from config.kernel.errors import DomainError, Kind


class LicenseKeyMalformed(DomainError):
    """The key has the wrong form or a typo; known without a look-up."""

    code = "license_key_malformed"
    detail = "This is not a licence key. Check it for typing errors."
    attr = "license_key"


class HardwareIdInvalid(DomainError):
    """The machine's id breaks its form."""

    code = "hardware_id_invalid"
    detail = "A hardware id has 10 to 255 characters out of letters, digits and . _ : -"
    attr = "hardware_id"


class HardwareSignalsInvalid(DomainError):
    """A signal breaks its form, or there are too many."""

    code = "hardware_signals_invalid"
    detail = (
        "Up to 16 signals: names of a-z, 0-9 and _, not `hardware_id`; values of 1 to 255 printable ASCII characters."
    )
    attr = "hardware_signals"


class MachineMismatch(DomainError):
    """A machine comes by a known id, and its signals say that it is another one."""

    kind = Kind.FORBIDDEN
    code = "machine_mismatch"
    audited_as = "ACTIVATION_REFUSED"
    detail = (
        "A machine of this hardware id is activated, and this one does not match it. Send the signals that it is known "
        "by, or have an owner or admin deactivate it."
    )


class LicenseNotFound(DomainError):
    """No licence has this key or id, or it belongs to somebody else: the two are not told apart."""

    kind = Kind.NOT_FOUND
    code = "license_not_found"
    detail = "There is no such licence. Check its key, which may have been replaced, or its id and the organization."


class AuthenticationRequired(DomainError):
    """The licence gives seats to signed-in members only."""

    kind = Kind.UNAUTHENTICATED
    code = "not_authenticated"
    detail = "This licence is used by signed-in members. Sign in first."


class LicenseExpired(DomainError):
    """The licence has expired."""

    kind = Kind.FORBIDDEN
    code = "license_expired"
    detail = "The licence has expired. It works again when its subscription is renewed."


class LicenseSuspended(DomainError):
    """The licence is suspended, and no grace is left."""

    kind = Kind.FORBIDDEN
    code = "license_suspended"
    detail = "The licence is suspended. Its owner or an admin sees why, and can pay what is missing or reinstate it."


class LicenseInactive(DomainError):
    """The licence has ended."""

    kind = Kind.FORBIDDEN
    code = "license_inactive"
    detail = "The licence has ended. A new subscription comes with a licence and a key of its own."


class SuspendedByBilling(DomainError):
    """A licence that a missing payment suspended is to be reinstated: only paying does that."""

    kind = Kind.CONFLICT
    code = "suspended_by_billing"
    detail = "The licence is suspended because a payment is missing. Paying brings it back."


class ActivationNotFound(DomainError):
    """The licence has no activation of this id."""

    kind = Kind.NOT_FOUND
    code = "activation_not_found"
    detail = "There is no such activation. List those of the licence."


class ActivationRequired(DomainError):
    """The licence wants each machine activated first."""

    kind = Kind.FORBIDDEN
    code = "activation_required"
    audited_as = "ACTIVATION_REFUSED"
    detail = "This licence is used on activated machines only. Activate this one first."


class ActivationLimitReached(DomainError):
    """As many machines are activated as the licence allows."""

    kind = Kind.FORBIDDEN
    code = "activation_limit_reached"
    audited_as = "ACTIVATION_REFUSED"
    detail = (
        "The licence is activated on as many machines as it allows. Have an owner or admin deactivate one, or raise "
        "`max_activations`."
    )


class NoSeatsAvailable(DomainError):
    """Every seat is leased."""

    kind = Kind.RATE_LIMITED
    code = "no_seats_available"
    detail = "Every seat of this licence is in use. Try again after the time that Retry-After says."

    def __init__(self, detail: str | None = None, *, retry_after: int | None = None, **extra: Any) -> None:
        if detail is None and retry_after is not None:
            detail = f"Every seat of this licence is in use. Try again in {retry_after} s."
        super().__init__(detail, retry_after=retry_after, **extra)


class BorrowLimitReached(DomainError):
    """As many seats are borrowed as the licence allows, which may be none."""

    kind = Kind.FORBIDDEN
    code = "borrow_limit_reached"
    detail = (
        "As many seats are borrowed as this licence allows (`max_borrowed_seats`). Give one back, or have an owner or "
        "admin raise it."
    )


class SeatsInUse(DomainError):
    """More seats are held than the plan has; `holders` names who would have to leave."""

    kind = Kind.CONFLICT
    code = "seats_in_use"
    detail = "More seats are in use than the plan has. Release some first."


class SessionNotFound(DomainError):
    """No session has this id, or it belongs to somebody else."""

    kind = Kind.NOT_FOUND
    code = "session_not_found"
    detail = "There is no such session. Check its id, or acquire a seat again."


class SessionExpired(DomainError):
    """The lease has lapsed or was ended; it is never revived, the client acquires again."""

    kind = Kind.GONE
    code = "session_expired"
    detail = "The lease has run out. Acquire a seat again."


class SessionTakenOver(DomainError):
    """The member who held the seat moved it to another machine."""

    kind = Kind.GONE
    code = "session_taken_over"
    detail = "This seat was taken over by another machine of yours. Acquire a seat again to work on this one."


class TokenMismatch(DomainError):
    """The token belongs to another session."""

    kind = Kind.FORBIDDEN
    code = "token_mismatch"
    detail = "This token belongs to another session. Send the one that came with this session's last answer."


class TokenSuperseded(DomainError):
    """A token older than the one before the newest: another client has been beating with this lease."""

    kind = Kind.FORBIDDEN
    code = "token_superseded"
    detail = "This token has been replaced by newer ones. Send the newest, or acquire the seat again."


class SeatTokenInvalid(DomainError):
    """A seat token that is malformed, forged or long expired."""

    kind = Kind.UNAUTHENTICATED
    code = "authentication_failed"
    detail = "The token is not valid or has expired. Acquire the seat again."
