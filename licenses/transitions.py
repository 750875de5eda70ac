"""The one table of a licence's states: what each verb makes of each, or which refusal it gets; no I/O, no clock."""

from enum import StrEnum

from config.kernel.errors import DomainError
from licenses.errors import LicenseInactive, LicenseNotFound, SuspendedByBilling
from licenses.models.license import LicenseStatus, SuspensionReason


class State(StrEnum):
    """Where a licence is. Whether it may be used *now* is its standing (`licenses.rules`): time passes in a state."""

    UNISSUED = "unissued"
    ACTIVE = "active"
    IN_GRACE = "in_grace"
    """Suspended by billing, with a deadline until which it works."""
    UNPAID = "unpaid"
    """Suspended by billing, and no grace."""
    HELD = "held"
    """Suspended by an owner or admin; no payment lifts that, and no grace runs."""
    ENDED = "ended"
    ENDED_HELD = "ended_held"
    """Ended while it was held: should it ever be paid again, it is held still."""


class Verb(StrEnum):
    """What can happen to a licence. The first six come from its subscription, the others from owners and admins."""

    ISSUE = "issue"
    RENEW = "renew"
    ALLOW_GRACE = "allow_grace"
    SUSPEND_UNPAID = "suspend_unpaid"
    GRACE_OVER = "grace_over"
    END = "end"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    ROTATE_KEY = "rotate_key"


Refusal = type[DomainError]

_ENDING: dict[State, State | Refusal] = {
    State.UNISSUED: LicenseNotFound,
    State.ACTIVE: State.ENDED,
    State.IN_GRACE: State.ENDED,
    State.UNPAID: State.ENDED,
    State.HELD: State.ENDED_HELD,
    State.ENDED: State.ENDED,
    State.ENDED_HELD: State.ENDED_HELD,
}


def _asked_by_billing(asked: State) -> dict[State, State | Refusal]:
    """Return the row of a verb by which a living subscription asks for a state: it gets it, unless there is a hold."""
    return {
        State.UNISSUED: LicenseNotFound,
        State.ACTIVE: asked,
        State.IN_GRACE: asked,
        State.UNPAID: asked,
        State.HELD: State.HELD,
        State.ENDED: asked,
        State.ENDED_HELD: State.HELD,
    }


TABLE: dict[Verb, dict[State, State | Refusal]] = {
    Verb.ISSUE: {state: State.ACTIVE if state is State.UNISSUED else state for state in State},
    Verb.RENEW: _asked_by_billing(State.ACTIVE),
    Verb.ALLOW_GRACE: _asked_by_billing(State.IN_GRACE),
    Verb.SUSPEND_UNPAID: _asked_by_billing(State.UNPAID),
    Verb.GRACE_OVER: _ENDING,
    Verb.END: _ENDING,
    Verb.SUSPEND: {
        State.UNISSUED: LicenseNotFound,
        State.ACTIVE: State.HELD,
        State.IN_GRACE: State.HELD,
        State.UNPAID: State.HELD,
        State.HELD: State.HELD,
        State.ENDED: LicenseInactive,
        State.ENDED_HELD: LicenseInactive,
    },
    # Lifts the hold and nothing else: what the subscription asks for is applied to the result at once.
    Verb.REINSTATE: {
        State.UNISSUED: LicenseNotFound,
        State.ACTIVE: State.ACTIVE,
        State.IN_GRACE: SuspendedByBilling,
        State.UNPAID: SuspendedByBilling,
        State.HELD: State.ACTIVE,
        State.ENDED: LicenseInactive,
        State.ENDED_HELD: LicenseInactive,
    },
    # Also of a licence that is suspended: a key that got out is replaced before its licence works again.
    Verb.ROTATE_KEY: {
        State.UNISSUED: LicenseNotFound,
        State.ACTIVE: State.ACTIVE,
        State.IN_GRACE: State.IN_GRACE,
        State.UNPAID: State.UNPAID,
        State.HELD: State.HELD,
        State.ENDED: LicenseInactive,
        State.ENDED_HELD: LicenseInactive,
    },
}

STORED: dict[State, tuple[LicenseStatus, SuspensionReason | None]] = {
    State.ACTIVE: (LicenseStatus.ACTIVE, None),
    State.IN_GRACE: (LicenseStatus.SUSPENDED, SuspensionReason.BILLING),
    State.UNPAID: (LicenseStatus.SUSPENDED, SuspensionReason.BILLING),
    State.HELD: (LicenseStatus.SUSPENDED, SuspensionReason.ADMIN),
    State.ENDED: (LicenseStatus.INACTIVE, None),
    State.ENDED_HELD: (LicenseStatus.INACTIVE, SuspensionReason.ADMIN),
}
"""How a row says it: its status and suspension_reason. A grace that is set tells `in_grace` from `unpaid`."""


def after(state: State, verb: Verb) -> State:
    """Return where a verb leads from a state; raises the refusal that the table names instead."""
    outcome = TABLE[verb][state]
    if isinstance(outcome, State):
        return outcome
    raise outcome


def state_of(*, status: str, suspension_reason: str | None, has_grace: bool) -> State:
    """Return the state of a stored row; `has_grace`: a deadline is set, whether or not it has passed."""
    held = suspension_reason == SuspensionReason.ADMIN
    if status == LicenseStatus.ACTIVE:
        return State.ACTIVE
    if status == LicenseStatus.INACTIVE:
        return State.ENDED_HELD if held else State.ENDED
    if held:
        return State.HELD
    return State.IN_GRACE if has_grace else State.UNPAID
