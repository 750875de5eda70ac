"""The clock: follows real time, may be moved ahead of it or stopped, and is kept across restarts."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace

from deploy.local.stripe.store import Transaction


@dataclass(frozen=True)
class Clock:
    """Where time stands, in whole seconds, the only resolution Stripe's times have.

    `stopped_at` is None while it runs, `offset` seconds ahead of real time. `target` is where a move that has begun
    must end, so that a move survives the process; `stop_there` says whether time then stands still.
    """

    offset: int = 0
    stopped_at: int | None = None
    target: int | None = None
    stop_there: bool = False

    def now(self) -> int:
        """The moment it is."""
        return int(time.time()) + self.offset if self.stopped_at is None else self.stopped_at

    def towards(self, target: int, *, stop_there: bool) -> Clock:
        """Begun to move: from here on each step says how far it has come."""
        return replace(self, stopped_at=self.now(), target=target, stop_there=stop_there)

    def reached(self, moment: int) -> Clock:
        """On its way, at `moment`; never backwards."""
        return replace(self, stopped_at=max(moment, self.now()))

    def arrived(self) -> Clock:
        """At its target, standing or running on from there."""
        target = self.now() if self.target is None else self.target
        return Clock(offset=target - int(time.time()), stopped_at=target if self.stop_there else None)

    def stopped(self) -> Clock:
        """Standing still where it is."""
        return Clock(offset=self.offset, stopped_at=self.now())

    def running(self) -> Clock:
        """Running on from where it stands."""
        return Clock(offset=self.now() - int(time.time()))


def read(tx: Transaction) -> Clock:
    """The clock as it stands."""
    row = tx.sql.execute("SELECT value FROM meta WHERE name = 'clock'").fetchone()
    return Clock(**json.loads(row["value"])) if row else Clock()


def write(tx: Transaction, clock: Clock) -> None:
    """Set the clock."""
    tx.sql.execute("INSERT OR REPLACE INTO meta VALUES ('clock', ?)", (json.dumps(asdict(clock)),))


def now(tx: Transaction) -> int:
    """The moment it is, in seconds."""
    return read(tx).now()
