"""Doing the same thing together: who leads, who follows, and what happens when the one who leads does not come back."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from config.kernel.batching import Batcher, _Call
from config.kernel.errors import DependencyUnavailable
from tests.concurrency.together import at_once, wait_until

Run = Callable[[list[str]], list[Any]]


class Work:
    """Work that can be held up; remembers what it was given."""

    def __init__(self) -> None:
        self.lists: list[list[str]] = []
        self.may_go_on = threading.Event()
        self.busy = threading.Event()
        self.failure: BaseException | None = None

    def __call__(self, items: list[str]) -> list[str]:
        self.lists.append(items)
        if items[0] == "slow":
            self.busy.set()
            self.may_go_on.wait(10)
        if self.failure is not None and "slow" not in items:
            raise self.failure
        return [item.upper() for item in items]


def batcher(work: Any, *, patience: float = 10.0, most: int = 100) -> Batcher[str, Any]:
    """Return a batcher in which items with the same first letter do not share a list."""
    return Batcher(work, key=lambda item: item[0], most=most, patience=patience)


class InTurn:
    """A lock that goes to whoever has waited for it longest: threads that come together really take turns."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._next = self._served = 0

    def __enter__(self) -> None:
        with self._turn:
            mine, self._next = self._next, self._next + 1
            self._turn.wait_for(lambda: self._served == mine)

    def __exit__(self, *raised: object) -> None:
        with self._turn:
            self._served += 1
            self._turn.notify_all()

    def wanted_by(self) -> int:
        """Return how many have it or wait for it."""
        return self._next - self._served


def behind_a_slow_one(work: Work, made: Batcher[str, Any], items: Iterable[str]) -> list[Any]:
    """Submit items that wait while another leads; return what came of each, in their order."""
    with ThreadPoolExecutor(40) as pool:
        slow = pool.submit(made.submit, "slow")
        assert work.busy.wait(5)
        futures = []
        for count, item in enumerate(items, start=1):
            futures.append(pool.submit(made.submit, item))
            wait_until(lambda count=count: len(made._waiting) == count)  # type: ignore[misc]
        work.may_go_on.set()
        assert slow.result(5) == "SLOW"
        return [future.exception(5) or future.result() for future in futures]


class TestBatcher:
    def test_does_at_once_what_comes_alone(self) -> None:
        work = Work()
        made = batcher(work)
        assert [made.submit(item) for item in ("a", "b")] == ["A", "B"]
        assert work.lists == [["a"], ["b"]]

    def test_takes_together_what_waits(self) -> None:
        work = Work()
        assert behind_a_slow_one(work, batcher(work), "abcd") == list("ABCD")
        assert work.lists == [["slow"], list("abcd")]

    def test_makes_one_of_equal_items(self) -> None:
        work = Work()
        assert behind_a_slow_one(work, batcher(work), ["a", "b", "a", "a"]) == ["A", "B", "A", "A"]
        assert work.lists == [["slow"], ["a", "b"]]

    def test_leaves_items_that_do_not_go_together_for_the_next_list_in_their_order(self) -> None:
        work = Work()
        assert behind_a_slow_one(work, batcher(work), ["a1", "a2", "b", "a3", "a2"]) == ["A1", "A2", "B", "A3", "A2"]
        assert work.lists == [["slow"], ["a1", "b"], ["a2"], ["a3"]]

    def test_bounds_its_lists(self) -> None:
        work = Work()
        assert behind_a_slow_one(work, batcher(work, most=2), "abcde") == list("ABCDE")
        assert work.lists == [["slow"], ["a", "b"], ["c", "d"], ["e"]]

    def test_raises_in_every_caller_what_concerns_all(self) -> None:
        work = Work()
        made = batcher(work)
        work.failure = ValueError("no")
        outcomes = behind_a_slow_one(work, made, "abc")
        assert [str(outcome) for outcome in outcomes] == ["no"] * 3
        assert len({id(outcome) for outcome in outcomes}) == 3
        work.failure = None
        assert made.submit("d") == "D"

    @pytest.mark.parametrize("unlike", [RuntimeError("no"), TypeError("no")])
    def test_tells_all_at_once_of_a_failure_that_cannot_be_copied(self, unlike: Exception) -> None:
        class OneOfAKind(Exception):
            def __reduce__(self) -> Any:
                raise unlike

        work = Work()
        batches = batcher(work)
        work.failure = OneOfAKind()
        first, *others = behind_a_slow_one(work, batches, "abc")
        assert first is work.failure
        assert {type(other) for other in others} == {DependencyUnavailable}

    def test_goes_on_when_the_thread_that_leads_is_ended(self) -> None:
        work = Work()
        made = batcher(work)
        work.failure = KeyboardInterrupt()
        first, *others = behind_a_slow_one(work, made, "abc")
        assert isinstance(first, KeyboardInterrupt)
        assert {type(other) for other in others} == {DependencyUnavailable}
        work.failure = None
        assert made.submit("d") == "D"

    def test_a_caller_whose_turn_does_not_come_leads_itself(self) -> None:
        work = Work()
        made = batcher(work, patience=0.2)
        with ThreadPoolExecutor(2) as pool:
            slow = pool.submit(made.submit, "slow")
            assert work.busy.wait(5)
            assert made.submit("a") == "A"
            assert made.submit("b") == "B"
            work.may_go_on.set()
            assert slow.result(5) == "SLOW"
        assert made.submit("c") == "C"
        assert made._leader is None

    def test_callers_who_lose_patience_in_the_same_moment_are_all_answered(self) -> None:
        work = Work()
        made = batcher(work, patience=0.5)
        made._lock = lock = InTurn()  # type: ignore[assignment]  # all that a batcher asks of a lock
        with ThreadPoolExecutor(5) as pool:
            slow = pool.submit(made.submit, "slow")
            assert work.busy.wait(5)
            others = [pool.submit(made.submit, item) for item in "abcd"]
            wait_until(lambda: len(made._waiting) == 4)
            with lock:  # each of them wants to lead before the first has taken anything
                wait_until(lambda: lock.wanted_by() == 5)
            assert [other.result(5) for other in others] == list("ABCD")
            assert sorted(work.lists) == [["a"], ["b"], ["c"], ["d"], ["slow"]]
            work.may_go_on.set()
            assert slow.result(5) == "SLOW"
        assert made.submit("e") == "E"
        assert (made._leader, list(made._waiting)) == (None, [])

    def test_a_caller_taken_along_by_an_impatient_one_waits_for_that_ones_work(self) -> None:
        work = Work()

        def run(items: list[str]) -> list[str]:
            time.sleep(0.5 if len(items) == 2 else 0)
            return work(items)

        made = batcher(run, patience=1.5)
        with ThreadPoolExecutor(3) as pool:
            slow = pool.submit(made.submit, "slow")
            assert work.busy.wait(5)
            first = pool.submit(made.submit, "a")
            wait_until(lambda: len(made._waiting) == 1)
            time.sleep(0.2)
            second = pool.submit(made.submit, "b")  # whose patience ends while the first one's list is worked on
            assert [first.result(5), second.result(5)] == ["A", "B"]
            work.may_go_on.set()
            assert slow.result(5) == "SLOW"
        assert work.lists == [["slow"], ["a", "b"]]

    def test_a_lead_that_was_passed_to_nobody_delays_once(self) -> None:
        work = Work()
        made = batcher(work, patience=0.2)
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(made.submit, "slow")
            assert work.busy.wait(5)
            made._waiting.append(_Call("x"))  # as left behind by a thread that was ended while it waited
            work.may_go_on.set()
            assert slow.result(5) == "SLOW"
        assert made.submit("a") == "A"
        assert made._leader is None
        assert made.submit("b") == "B"

    def test_a_caller_whose_item_is_being_worked_on_gives_up(self) -> None:
        started, go_on = threading.Event(), threading.Event()

        def stuck(items: list[str]) -> list[str]:
            if len(items) > 1:
                go_on.wait(10)
            elif items == ["first"]:
                started.set()
                time.sleep(0.3)
            return items

        made = batcher(stuck, patience=0.6)
        with ThreadPoolExecutor(3) as pool:
            pool.submit(made.submit, "first")
            assert started.wait(5)
            leading = pool.submit(made.submit, "a")
            wait_until(lambda: len(made._waiting) == 1)
            following = pool.submit(made.submit, "b")
            assert isinstance(following.exception(5), DependencyUnavailable)
            go_on.set()
            assert leading.result(5) == "a"

    def test_answers_each_of_many_threads_with_its_own(self) -> None:
        def slowly(items: list[str]) -> list[str]:
            time.sleep(0.001)
            return [item.upper() for item in items]

        made: Batcher[str, str] = Batcher(slowly, key=lambda item: item, most=7, patience=10)

        def many(name: int) -> list[str]:
            return [made.submit(f"x{name}.{number}") for number in range(30)]

        answers = at_once([lambda name=name: many(name) for name in range(20)])  # type: ignore[misc]
        assert answers == [[f"X{name}.{number}" for number in range(30)] for name in range(20)]

    @pytest.mark.parametrize("patience", [0.0, 0.0005, 0.003, 10.0])
    def test_gives_each_its_own_answer_or_error_whatever_fails_and_whoever_loses_patience(
        self, patience: float
    ) -> None:
        chance = random.Random(f"batches of {patience}")
        done: Counter[str] = Counter()

        def run(items: list[str]) -> list[str]:
            done.update(items)
            time.sleep(chance.choice([0.0, 0.001, 0.002]))
            if chance.random() < 0.1:
                raise chance.choice([ValueError, KeyboardInterrupt])(*items)
            return [item.upper() for item in items]

        made = batcher(run, patience=patience, most=3)

        def many(name: int) -> list[Any]:
            outcomes: list[Any] = []
            for number in range(30):
                item = f"{chance.choice('abcdef')}{name}.{number}"
                try:
                    outcomes.append(made.submit(item) == item.upper())
                except (ValueError, KeyboardInterrupt) as error:
                    outcomes.append(item in error.args)
                except DependencyUnavailable:
                    outcomes.append(True)
            return outcomes

        answers = at_once([lambda name=name: many(name) for name in range(12)])  # type: ignore[misc]
        assert answers == [[True] * 30] * 12
        assert (len(done), set(done.values())) == (360, {1}), "nobody's is done twice, or by nobody"
        assert (made._leader, list(made._waiting)) == (None, [])

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
    def test_begins_anew_in_a_child(self) -> None:
        work = Work()
        made = batcher(work)
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(made.submit, "slow")
            assert work.busy.wait(5)
            made._lock.acquire()
            child = os.fork()
            if child == 0:
                os._exit(0 if made.submit("a") == "A" else 1)
            made._lock.release()
            work.may_go_on.set()
            assert slow.result(5) == "SLOW"
        assert os.waitpid(child, 0)[1] == 0
