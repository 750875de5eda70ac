"""What the game asks a worker process to do, and what it hears of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Verb(StrEnum):
    """What a worker can be asked to do."""

    ACQUIRE = "acquire"
    BEAT = "beat"
    BEATS = "beats"
    """Several at once in as many threads; the answer is a list."""
    RELEASE = "release"
    LIMIT = "limit"
    """The licence's seats become more or fewer."""
    TIDY = "tidy"
    """What the periodic job does: lapsed sessions are closed."""
    CUT = "cut"
    """This process, and no other, reaches Redis no more."""
    MEND = "mend"
    """It does again, and knows."""
    NOTICE = "notice"
    """Whatever it thought of Redis is forgotten."""


@dataclass(frozen=True)
class Call:
    """One thing to do. `stop_after`: stop after so many round trips to the stores, say so, and wait."""

    verb: Verb
    values: tuple[Any, ...] = ()
    stop_after: int | None = None


@dataclass(frozen=True)
class Grant:
    """A seat as its holder was told of it."""

    session_id: UUID
    lease_no: int
    sequence: int
    token: str
    expires_at: datetime

    @property
    def lease(self) -> tuple[UUID, int]:
        """Which lease it is about."""
        return self.session_id, self.lease_no


@dataclass(frozen=True)
class Answer:
    """What came of a call: a grant, a refusal by its class's name, or neither; `failed` is what must never be."""

    grant: Grant | None = None
    refusal: str | None = None
    failed: str | None = None
    redis_failed: bool = False


@dataclass(frozen=True)
class Stopped:
    """The worker waits at this place."""

    place: str


@dataclass(frozen=True)
class Hello:
    """The worker serves, over these database connections."""

    backends: tuple[int, ...]
