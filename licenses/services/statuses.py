"""Moves licences from state to state: the only place that writes `status` and what goes with it."""

from datetime import datetime

from licenses.models import License
from licenses.transitions import STORED, State, Verb, after, state_of


def state(license_: License) -> State:
    """Return where a licence is."""
    return state_of(
        status=license_.status,
        suspension_reason=license_.suspension_reason,
        has_grace=license_.grace_period_ends_at is not None,
    )


def move(*, license_: License, verb: Verb, at: datetime, grace_period_ends_at: datetime | None = None) -> State:
    """Take a licence to where a verb leads, not yet saved, and return where it is now; needs its row lock.

    `at` is when it happened; a licence that is already there keeps the moment since when. `grace_period_ends_at` is
    kept only in the state that has a grace. Raises the refusal that the table names.
    """
    was = state(license_)
    now = after(was, verb)
    status, reason = STORED[now]
    if reason is None:
        license_.suspended_at = None
    elif reason != license_.suspension_reason or license_.suspended_at is None:
        license_.suspended_at = at
    if now not in _ENDED:
        license_.deactivated_at = None
    elif was not in _ENDED:
        license_.deactivated_at = at
    license_.status, license_.suspension_reason = status, reason
    license_.grace_period_ends_at = grace_period_ends_at if now is State.IN_GRACE else None
    return now


_ENDED = frozenset({State.ENDED, State.ENDED_HELD})
