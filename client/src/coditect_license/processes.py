"""What becomes of seats when a process ends or forks: given back within two seconds, and left to the parent."""

from __future__ import annotations

import atexit
import os
import time
from typing import Protocol
from weakref import WeakSet

SECONDS_AT_EXIT = 2.0


class Leaves(Protocol):
    """Has something to give back at the end."""

    def begin_leaving(self) -> None:
        """Start to give it back, on a thread that runs already: none can be started any more."""
        ...

    def wait_until_left(self, seconds: float) -> None:
        """Return when it is given back, or the time is up."""
        ...


class Forked(Protocol):
    """Must not use in a child what belongs to its parent."""

    def after_fork(self) -> None:
        """Let go of it, without a word to anybody."""
        ...


_leaving: WeakSet[Leaves] = WeakSet()
_forked: WeakSet[Forked] = WeakSet()


def at_exit(held: Leaves) -> None:
    """Have it given back when the process ends, unless it is gone by then."""
    _leaving.add(held)


def in_children(object_: Forked) -> None:
    """Have it told when it finds itself in a forked child."""
    _forked.add(object_)


def _give_back() -> None:
    ends_at = time.monotonic() + SECONDS_AT_EXIT
    held = list(_leaving)
    for one in held:
        one.begin_leaving()
    for one in held:
        one.wait_until_left(max(0.0, ends_at - time.monotonic()))


def _after_fork() -> None:
    _leaving.clear()
    for object_ in list(_forked):
        object_.after_fork()


atexit.register(_give_back)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
