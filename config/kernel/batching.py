"""Lets threads that want the same thing at the same time do it together: one of them does it for all.

The first that finds nobody at work leads: it takes whatever waits, does it, hands out the answers and passes the lead
to the next that waits. Whoever comes alone waits for nobody and pays a lock. There is no thread of our own that could
die, or be lost by a fork.
"""

import copy
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from config.kernel.errors import DependencyUnavailable

Item = TypeVar("Item", bound=Hashable)
Answer = TypeVar("Answer")


class _Call(Generic[Item, Answer]):
    """One caller: its item, what it waits for, and in the end an answer or an error."""

    __slots__ = ("answer", "error", "item", "leads", "taken_at", "woken")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.leads = False
        self.taken_at: float | None = None
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        # A bare lock costs a third of an Event.
        self.woken = threading.Lock()
        self.woken.acquire()


class Batcher(Generic[Item, Answer]):
    """Calls `run` with lists of items that belong to callers in different threads.

    `run` returns an answer for each, in order. Equal items become one. Items with the same `key` that differ never
    share a list: the later one waits for the next, as if the two had come one after the other. What `run` raises is
    raised in every caller of that list, so it had better raise only what concerns all. Nobody waits longer than
    `patience` seconds for a turn, nor then for somebody else's work: a caller whose turn did not come by then leads
    itself, one whose item has been worked on for that long raises DependencyUnavailable.

    Any number may lead at once, when those before them are stuck. Whoever leads is taken by nobody else, and is passed
    no lead; the newest of them is the one that passes it on.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], list[Answer]],
        *,
        key: Callable[[Item], Hashable],
        most: int,
        patience: float,
    ) -> None:
        self._run, self._key, self._most, self._patience = run, key, most, patience
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Call[Item, Answer]] = deque()
        self._leader: _Call[Item, Answer] | None = None

    def submit(self, item: Item) -> Answer:
        """Return the answer for an item; raises what `run` raises, DependencyUnavailable."""
        call: _Call[Item, Answer] = _Call(item)
        with self._lock:
            self._waiting.append(call)
            if self._leader is None:
                self._leader, call.leads = call, True
        if not call.leads:
            self._wait(call)
        if call.leads:
            self._lead(call)
        if call.error is not None:
            raise call.error
        return call.answer  # type: ignore[return-value]  # set, since there is no error

    def _wait(self, call: _Call[Item, Answer]) -> None:
        """Return when the call has its answer, or leads."""
        if call.woken.acquire(timeout=self._patience):
            return
        with self._lock:
            if call.taken_at is None:
                # Whoever leads is stuck or dead. Should it come back, it finds that it leads no longer.
                self._leader, call.leads = call, True
                return
            # Maybe just now, by one that lost patience a moment before.
            left = call.taken_at + self._patience - time.monotonic()
        if not call.woken.acquire(timeout=max(0.0, left)):
            call.error = DependencyUnavailable(retry_after=1)

    def _lead(self, own: _Call[Item, Answer]) -> None:
        groups: list[list[_Call[Item, Answer]]] = []
        failure: BaseException | None = None
        try:
            groups = self._take(own)
            answers = self._run([group[0].item for group in groups])
            for group, answer in zip(groups, answers, strict=True):
                for call in group:
                    call.answer = answer
        except BaseException as error:
            failure = error
            raise
        finally:
            self._pass_on(own)
            for group in groups:
                for call in group:
                    if call is not own:
                        if failure is not None:
                            call.error = _copied(failure)
                        call.woken.release()

    def _take(self, own: _Call[Item, Answer]) -> list[list[_Call[Item, Answer]]]:
        """Take one's own call and those that may go with it, in the order in which they came."""
        with self._lock:
            self._waiting.remove(own)
            groups = {self._key(own.item): [own]}
            later: deque[_Call[Item, Answer]] = deque()
            own.taken_at = now = time.monotonic()
            for call in self._waiting:
                group = groups.get(self._key(call.item))
                if call.leads:
                    later.append(call)
                elif group is None and len(groups) < self._most:
                    groups[self._key(call.item)] = [call]
                    call.taken_at = now
                elif group is not None and group[0].item == call.item:
                    group.append(call)
                    call.taken_at = now
                else:
                    later.append(call)
            self._waiting = later
        return list(groups.values())

    def _pass_on(self, own: _Call[Item, Answer]) -> None:
        with self._lock:
            if self._leader is not own:
                return
            self._leader = next((call for call in self._waiting if not call.leads), None)
            if self._leader is not None:
                self._leader.leads = True
                self._leader.woken.release()


_all: weakref.WeakSet[Batcher[Any, Any]] = weakref.WeakSet()


def _begin_anew() -> None:
    for batcher in _all:
        batcher._begin()


# Whoever waits or leads in the parent does not exist in a child.
os.register_at_fork(after_in_child=_begin_anew)


def _copied(error: BaseException) -> BaseException:
    """Return an exception that another thread may raise: each raise writes its traceback into the object."""
    if not isinstance(error, Exception):
        return DependencyUnavailable(retry_after=1)  # the leader's thread was ended; the others go on
    try:
        copied = copy.copy(error)
    except Exception:  # noqa: BLE001  (whatever making one raises, as where it takes more than its arguments)
        return DependencyUnavailable(retry_after=1)
    copied.__cause__, copied.__traceback__ = error.__cause__, None
    return copied
