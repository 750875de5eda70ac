"""The life of a seat as a machine of states: what to ask next, what to tell the host, and what is true by the clock.

It does nothing itself, so that time can be moved in its tests. Moments are seconds of a clock that counts suspend.

    waiting ─ granted ─▶ active ─ no answer ─▶ degraded ─ lease over ─▶ offline ─ grace over ─▶ lost
                            ▲                     │                        │
                            └────── granted ──────┴────────────────────────┘
    A signed refusal leads to lost from everywhere, giving it back to released.

A heartbeat is tried three times inside the lease, then the seat is asked for anew, as late as that can still come in
time. After that it is asked for every five minutes, as long as the grace that the server signed. What is due to be
asked is asked before anything is told: a machine that wakes up hears of no trouble that is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from coditect_license.errors import (
    LicenseNotUsable,
    LicensingError,
    OfflineGraceExceeded,
    Refused,
    SeatTakenOver,
)
from coditect_license.retries import Jitter, backoff

TRIES = 3
OFFLINE_RETRY_SECONDS = 300.0
EXPIRING_SECONDS = 300.0
"""How long before the end of the grace the host is warned."""
WOKE_SECONDS = 30.0
"""A try that comes later than this was slept through: the machine was suspended, or the process stopped."""
LONGEST_WAIT_AFTER_GRACE_SECONDS = 30.0
_LEAST_MARGIN_SECONDS = 1.0
"""The server signs whole seconds: its answer may be up to one younger than it says."""
_PACE_OF_LEASE = 5 / 6
_LATEST_SECONDS = 10.0


class State(str, Enum):
    """Where a seat is."""

    WAITING = "waiting"
    ACTIVE = "active"
    DEGRADED = "degraded"
    OFFLINE = "offline"
    LOST = "lost"
    RELEASED = "released"


class Event(str, Enum):
    """What a host is told."""

    ACQUIRED = "acquired"
    DEGRADED = "degraded"
    OFFLINE = "offline"
    EXPIRING = "expiring"
    RESTORED = "restored"
    LOST = "lost"
    RELEASED = "released"


class Try(str, Enum):
    """What to ask the server."""

    BEAT = "beat"
    ACQUIRE = "acquire"


@dataclass(frozen=True)
class Grant:
    """A signed answer that leases a seat: lengths in seconds from its signature, `sent_at` is when we asked."""

    sent_at: float
    lease: float
    grace: float
    interval: float


@dataclass(frozen=True)
class Status:
    """How a seat stands at a moment. `held`: its lease runs. `usable`: that, or the grace without a server."""

    state: State
    held: bool
    usable: bool
    lease_seconds: float
    """How long the lease still runs if nobody renews it."""
    grace_seconds: float
    """How long the seat may still be used if nobody answers."""
    reason: LicensingError | None
    """Why it was lost."""


_ENDED = frozenset({State.LOST, State.RELEASED})
_IN_TROUBLE = frozenset({State.DEGRADED, State.OFFLINE})


class SeatLife:
    """One seat from its first grant to its end. Not for several threads at once."""

    def __init__(self, *, jitter: Jitter) -> None:
        self._jitter = jitter
        self._state = State.WAITING
        self._reason: LicensingError | None = None
        self._lease_until = self._grace_until = self._next_try = 0.0
        self._latest_call = _LATEST_SECONDS
        self._failures = 0
        self._trying: Try | None = None
        self._lease_is_gone = self._warned = False

    def granted(self, grant: Grant, *, now: float) -> list[Event]:
        """Take a signed consent, to the first acquire or to what `begin` asked for."""
        self._trying = None
        if self._state in _ENDED:
            return []
        margin = _LEAST_MARGIN_SECONDS + min(4.0, max(0.0, grant.lease) / 90)
        lease = grant.lease - margin
        grace_until = grant.sent_at + max(lease, grant.grace - margin)
        if grant.sent_at + lease <= now:
            # The lease was over before it came; the grace is signed all the same. Asked again, but not at once.
            self._grace_until = max(self._grace_until, grace_until)
            return self.unanswered(now=now)
        was, self._state = self._state, State.ACTIVE
        self._lease_until = grant.sent_at + lease
        self._grace_until = grace_until
        self._latest_call = min(_LATEST_SECONDS, lease / 36)
        self._failures, self._lease_is_gone, self._warned = 0, False, False
        # Only ever earlier than the server asked for; the first one anywhere, so that clients spread out.
        least = 0.5 if was is State.WAITING else 0.85
        pace = min(max(grant.interval, 1.0), lease * _PACE_OF_LEASE)
        self._next_try = grant.sent_at + pace * (least + (1 - least) * self._jitter())
        if was is State.WAITING:
            return [Event.ACQUIRED]
        return [] if was is State.ACTIVE else [Event.RESTORED]

    def begin(self, *, now: float) -> Try | None:
        """Return what is to be asked now, if anything; its outcome is told to granted, refused or unanswered."""
        if self._state in _ENDED or self._state is State.WAITING or self._trying or now < self._next_try:
            return None
        if now - self._next_try > WOKE_SECONDS:
            self._failures = 0
        self._trying = Try.ACQUIRE if self._lease_is_gone or now >= self._lease_until else Try.BEAT
        return self._trying

    def refused(self, error: Refused, *, now: float) -> list[Event]:
        """Take a signed no: to a beat it ends the lease, to an acquire the seat."""
        tried, self._trying = self._trying, None
        if self._state in _ENDED:
            return []
        if error.status == 400:
            return self.unanswered(now=now)  # what was asked was not understood, and nothing decided
        if tried is Try.BEAT and not isinstance(error, (LicenseNotUsable, SeatTakenOver)):
            self._lease_is_gone = True
            self._lease_until = min(self._lease_until, now)
            self._next_try = now
            return []
        return self._lose(error)

    def unanswered(self, *, now: float, retry_after: float | None = None) -> list[Event]:
        """Take it that nobody answered whom we believe; `retry_after` where a server of ours asked for it."""
        self._trying = None
        if self._state in _ENDED or self._state is State.WAITING:
            return []
        self._failures += 1
        asked_for = min(retry_after or 0.0, OFFLINE_RETRY_SECONDS)
        if now < self._lease_until and self._failures <= TRIES and self._state is not State.OFFLINE:
            return self._try_within_lease(now, asked_for)
        return self._try_offline(now, asked_for)

    def tick(self, *, now: float) -> list[Event]:
        """Take it that time went by; returns what that alone changes."""
        if self._trying or (self._state is not State.WAITING and now >= self._next_try):
            return []
        return self._passed(now)

    def release(self) -> list[Event]:
        """Take it that the host gives the seat back."""
        if self._state in _ENDED:
            return []
        was, self._state = self._state, State.RELEASED
        return [] if was is State.WAITING else [Event.RELEASED]

    def look_again_at(self) -> float | None:
        """Return when something is to be asked or told next; None when the seat has ended or not begun."""
        if self._state in _ENDED or self._state is State.WAITING:
            return None
        moments = [self._next_try]
        if self._state is State.DEGRADED:
            moments.append(self._lease_until)
        if self._state in _IN_TROUBLE and not self._warned:
            moments.append(self._grace_until - EXPIRING_SECONDS)
        return min(moments)

    def status(self, *, now: float) -> Status:
        """Return how the seat stands at this moment, whatever has or has not been heard by now."""
        state = self._state
        if state in {State.ACTIVE, State.DEGRADED} and now >= self._lease_until:
            state = State.OFFLINE
        held = state in {State.ACTIVE, State.DEGRADED}
        alive = held or state is State.OFFLINE
        grace = max(0.0, self._grace_until - now) if alive else 0.0
        return Status(
            state=state,
            held=held,
            usable=grace > 0,
            lease_seconds=self._lease_until - now if held else 0.0,
            grace_seconds=grace,
            reason=self._reason,
        )

    def _try_within_lease(self, now: float, asked_for: float) -> list[Event]:
        left = self._lease_until - now
        wait = max(min(backoff(self._failures, jitter=self._jitter), left / 4), asked_for)
        self._next_try = now + wait
        if self._failures == TRIES:
            self._lease_is_gone = True
            self._next_try = max(self._next_try, self._lease_until - self._latest_call)
        was, self._state = self._state, State.DEGRADED
        return [Event.DEGRADED] if was is State.ACTIVE else []

    def _try_offline(self, now: float, asked_for: float) -> list[Event]:
        quick = self._failures < TRIES
        wait = backoff(self._failures, jitter=self._jitter) if quick else OFFLINE_RETRY_SECONDS * self._earlier()
        if now < self._grace_until:
            self._next_try = min(now + max(wait, asked_for), self._grace_until)
        elif quick:
            self._next_try = now + max(wait, min(asked_for, LONGEST_WAIT_AFTER_GRACE_SECONDS))
        else:
            return self._lose(OfflineGraceExceeded())
        told = [] if self._state is State.OFFLINE else [Event.OFFLINE]
        self._state = State.OFFLINE
        return told + self._passed(now)

    def _passed(self, now: float) -> list[Event]:
        told = []
        if self._state is State.DEGRADED and now >= self._lease_until:
            self._state = State.OFFLINE
            told.append(Event.OFFLINE)
        if self._state in _IN_TROUBLE and not self._warned and self._grace_until - now <= EXPIRING_SECONDS:
            self._warned = True
            told.append(Event.EXPIRING)
        return told

    def _lose(self, reason: LicensingError) -> list[Event]:
        self._state, self._reason = State.LOST, reason
        return [Event.LOST]

    def _earlier(self) -> float:
        return 0.85 + 0.15 * self._jitter()
