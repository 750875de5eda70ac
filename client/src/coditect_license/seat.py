"""A seat as the host has it: taken and given back by its own calls, kept by a thread that never harms it."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Callable

from coditect_license import processes
from coditect_license.answers import License, SeatToken, license_within, read_grant, read_token
from coditect_license.dispatcher import Callback, Dispatcher, SeatEvent
from coditect_license.errors import LicensingError, NoSeatsAvailable, Outage, Refused, SeatNotHeld
from coditect_license.heartbeat import Heartbeat
from coditect_license.requests import Requests
from coditect_license.retries import Jitter, insist
from coditect_license.seat_life import Event, Grant, SeatLife, State, Status, Try
from coditect_license.state_file import NOTHING, Kept, StateFile
from coditect_license.transport import Yes

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 15.0
"""For how long acquiring goes on when nobody answers."""
PATIENCE_AT_RELEASE_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 30.0
"""Between two questions whether a seat is free: somebody may leave before the next lease runs out."""


class Seat:
    """One machine's seat of a licence, as a context manager; made by `LicenseClient.seat`."""

    def __init__(
        self,
        requests: Requests,
        *,
        wait: float,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        jitter: Jitter,
        state_file: StateFile | None,
    ) -> None:
        self._requests = requests
        self._wait = wait
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        self._state_file = state_file
        self._lock = threading.Lock()
        self._life = SeatLife(jitter=jitter)
        self._dispatcher = Dispatcher()
        self._heartbeat: Heartbeat | None = None
        self._token: SeatToken | None = None
        self._license: License | None = None
        processes.in_children(self)

    def __repr__(self) -> str:
        return f"<Seat {self.status.state.value}>"

    def __enter__(self) -> Seat:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @property
    def status(self) -> Status:
        """How the seat stands at this moment, whether or not anybody could be asked lately."""
        with self._lock:
            return self._life.status(now=self._now())

    @property
    def license(self) -> License:
        """The licence as it was when the seat was last granted. Raises SeatNotHeld before that."""
        if self._license is None:
            raise SeatNotHeld
        return self._license

    @property
    def session_id(self) -> str | None:
        """The session on the server, None while there is none."""
        return self._token.session_id if self._token else None

    def on(self, event: str, callback: Callback) -> None:
        """Call this with a SeatEvent whenever that happens: acquired, degraded, offline, expiring, restored, lost, …

        On a thread of its own, in order; what it raises is logged. Raises ValueError for an event that there is not.
        """
        self._dispatcher.on(Event(event), callback)

    def check(self) -> None:
        """Return while the seat may be used; raises why it was lost, or SeatNotHeld."""
        status = self.status
        if not status.usable:
            raise status.reason or SeatNotHeld()

    def acquire(self) -> None:
        """Take the seat and keep it. Raises Outage, and Refused by its kind (NoSeatsAvailable, SignInRequired, …)."""
        with self._lock:
            if self._life.status(now=self._now()).state is not State.WAITING:
                raise SeatNotHeld("A seat is acquired once; ask the client for another one.")
        kept = self._state_file.take() if self._state_file else NOTHING
        try:
            yes, token, license_ = self._taken_back(kept) or self._taken()
            told, status = self._begin(yes, token, license_)
        except BaseException:  # an interrupt too, while the host waits for a seat
            if self._state_file:
                self._state_file.leave()
            raise
        self._write_down(token, license_, yes)
        self._heartbeat = Heartbeat(self)
        self._heartbeat.start()
        processes.at_exit(self._heartbeat)
        self._tell(told, status)

    def release(self) -> None:
        """Give the seat back; again is fine. When nobody answers its lease runs out by itself, so nothing is raised."""
        token = self._end()
        if token is None:
            return
        try:
            self._insist(lambda: self._requests.release(token), within=PATIENCE_AT_RELEASE_SECONDS)
        except LicensingError as error:
            log.warning("The seat was not given back, its lease runs out by itself: %s", error.detail)

    def wake(self) -> None:
        """Look at once whether something is due: for hosts that hear when the machine woke or its network came back."""
        if self._heartbeat is not None:
            self._heartbeat.wake()

    def give_back_once(self, timeout: float) -> None:
        """Give the seat back in one attempt, at the end of the process; whatever goes wrong is nobody's business."""
        token = self._end()
        if token is not None:
            self._requests.release(token, timeout=timeout)

    def live(self) -> float | None:
        """Do what is due, and return in how many seconds to do so again; None when the seat has ended."""
        with self._lock:
            now = self._now()
            told, asked = self._life.tick(now=now), self._life.begin(now=now)
            status, moment = self._life.status(now=now), self._life.look_again_at()
            token = self._token
        self._tell(told, status)
        if moment is None or token is None:
            return None
        if asked is None:
            return moment - now
        try:
            self._ask(asked, token)
        except BaseException:
            # Ours, or the host's memory is used up: nobody's verdict. The try is over, so that there can be others.
            self._hear(lambda now: self._life.unanswered(now=now))
            raise
        return 0.0

    def after_fork(self) -> None:
        """Leave the seat to the parent: a child holds none, and nobody there is told of any."""
        self._lock = threading.Lock()
        self._dispatcher = Dispatcher()
        self._heartbeat = self._token = None
        self._life.release()
        if self._state_file is not None:
            self._state_file.after_fork()

    def _begin(self, yes: Yes, token: SeatToken, license_: License) -> tuple[list[Event], Status]:
        """Begin the life with its first grant; raises Outage for one that is over already."""
        grant = read_grant(yes)
        with self._lock:
            told = self._life.granted(grant, now=self._now())
            status = self._life.status(now=self._now())
            self._token, self._license = token, license_
        if status.state is State.WAITING:
            raise Outage("The answer took longer than the lease that it grants.")
        return told, status

    def _taken(self) -> tuple[Yes, SeatToken, License]:
        """Take a seat, waiting for one while none is free."""
        gives_up_at = self._now() + self._wait
        while True:
            try:
                yes = self._insist(self._requests.acquire, within=PATIENCE_SECONDS)
            except NoSeatsAvailable as full:
                left = gives_up_at - self._now()
                if left <= 0:
                    raise
                self._sleep(min(left, max(1.0, min(full.retry_after or 1.0, LONGEST_WAIT_SECONDS))))
            else:
                return yes, read_token(yes), license_within(yes)

    def _taken_back(self, kept: Kept) -> tuple[Yes, SeatToken, License] | None:
        """Take back the seat of the program's last run; None when it left none that is still to be had."""
        token, license_ = kept.token, kept.license
        if token is None or license_ is None:
            return None
        try:
            yes = self._insist(lambda: self._requests.beat(token), within=PATIENCE_SECONDS)
        except Refused:
            return None
        return yes, read_token(yes, session_id=token.session_id), license_

    def _write_down(self, token: SeatToken, license_: License | None, yes: Yes) -> None:
        if self._state_file is not None:
            self._state_file.keep(token, license_, signed_at=yes.signed_at)

    def _insist(self, ask: Callable[[], Yes], *, within: float) -> Yes:
        return insist(ask, within=within, now=self._now, sleep=self._sleep, jitter=self._jitter)

    def _ask(self, asked: Try, token: SeatToken) -> None:
        try:
            if asked is Try.BEAT:
                yes = self._requests.beat(token)
                fresh, license_ = read_token(yes, session_id=token.session_id), self._license
            else:
                yes = self._requests.acquire()
                fresh, license_ = read_token(yes), license_within(yes)
            grant = read_grant(yes)
        except Refused as refused:
            error = refused
            self._hear(lambda now: self._life.refused(error, now=now))
        except Outage as outage:
            after = outage.retry_after
            self._hear(lambda now: self._life.unanswered(now=now, retry_after=after))
        else:
            self._write_down(fresh, license_, yes)
            self._take(asked, grant, fresh, license_)

    def _take(self, asked: Try, grant: Grant, fresh: SeatToken, license_: License | None) -> None:
        def hear(now: float) -> list[Event]:
            if not self._has_ended(now):
                self._token, self._license = fresh, license_
            return self._life.granted(grant, now=now)

        self._hear(hear)
        with self._lock:
            too_late = self._has_ended(self._now())
        if too_late and asked is Try.ACQUIRE:
            # Granted anew while the host gave it back: nobody here wants it any more.
            self._requests.release(fresh)

    def _hear(self, hear: Callable[[float], list[Event]]) -> None:
        with self._lock:
            told = hear(self._now())
            status = self._life.status(now=self._now())
        self._tell(told, status)

    def _has_ended(self, now: float) -> bool:
        return self._life.status(now=now).state in {State.LOST, State.RELEASED}

    def _end(self) -> SeatToken | None:
        """End the life; return the token to give back, if there is a session that may still run."""
        with self._lock:
            lost = self._life.status(now=self._now()).state is State.LOST
            told = self._life.release()
            status = self._life.status(now=self._now())
            token, self._token = self._token, None
        self._tell(told, status)
        self.wake()
        if self._state_file is not None:
            self._state_file.forget()
        return None if lost else token

    def _tell(self, told: list[Event], status: Status) -> None:
        for kind in told:
            log.info("Seat %s.", kind.value)
            self._dispatcher.tell(SeatEvent(kind, status))
