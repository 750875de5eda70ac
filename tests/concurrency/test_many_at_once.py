"""The numbers of the promise: a hundred that ask, fifty that beat, twenty that come and go; each also over four web
processes while Redis is killed and restarted in the middle.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import TypeVar

import httpx
import pytest

from config.kernel.redis import client as redis_client
from deploy.local.redis_server import RedisServer
from tests.concurrency import history, seated_license
from tests.concurrency.seated_license import SeatedLicense
from tests.concurrency.together import at_once
from tests.concurrency.web import Machine, Web
from tests.concurrency.web import web as the_web
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")

ONE, FOUR = ["web"], ["web", "second-web", "third-web", "fourth-web"]
Answer = TypeVar("Answer")


@dataclass
class Stage:
    """The web processes that are asked in turn, and the Redis that does or does not live through it."""

    webs: list[Web]
    redis: RedisServer | None
    answered_before_the_kill: int | None = None

    def machines(self, license_: SeatedLicense, count: int) -> list[Machine]:
        """Return so many machines of a licence, spread over the processes."""
        return [
            Machine(web, license_.key, f"machine-{number:04}")
            for number, web in zip(range(count), cycle(self.webs), strict=False)
        ]

    def at_once(self, calls: list[Callable[[], Answer]]) -> list[Answer]:
        """Make the calls in one moment; at the first answer Redis, where it is to, dies, and comes back empty."""
        if self.redis is None:
            return at_once(calls)
        first, count = threading.Event(), Counter[str]()

        def telling(call: Callable[[], Answer]) -> Callable[[], Answer]:
            def run() -> Answer:
                answer = call()
                count["answered"] += 1
                first.set()
                return answer

            return run

        def restart() -> None:
            first.wait(20)
            self.redis.kill()  # type: ignore[union-attr]
            self.answered_before_the_kill = count["answered"]
            self.redis.start()  # type: ignore[union-attr]

        restarter = threading.Thread(target=restart)
        restarter.start()
        answers = at_once([telling(call) for call in calls])
        restarter.join()
        assert self.answered_before_the_kill is not None
        assert self.answered_before_the_kill < len(calls), "Redis was killed when all was over"
        return answers


@pytest.fixture(scope="module")
def _only_here() -> Iterator[None]:
    """Stop the further web processes afterwards: with their pools they are a burden on all that follows."""
    yield
    for name in FOUR[1:]:
        the_web(name).process.stop()


@pytest.fixture(
    params=[(ONE, False), (FOUR, True)], ids=["one process", "four processes, Redis restarted in the middle"]
)
def stage(request: pytest.FixtureRequest, _only_here: None) -> Iterator[Stage]:
    """Return one stage after the other."""
    names, restarted = request.param
    webs = [the_web(name) for name in names]
    for web in webs:
        web.start()
    redis = servers.current().redis
    yield Stage(webs, redis if restarted else None)
    redis.start()


class TestHundredThatAsk:
    @pytest.mark.parametrize("seats", [1, 10, 99])
    def test_for_n_seats_are_given_exactly_n(self, stage: Stage, seats: int) -> None:
        license_ = seated_license.issue(seats=seats)
        answers = stage.at_once([machine.acquire for machine in stage.machines(license_, 100)])
        assert Counter(answer.status_code for answer in answers) == {201: seats, 429: 100 - seats}
        assert history.most_at_once(license_.id) == history.live(license_.id) == seats


class TestFiftyBeats:
    def test_of_fifty_sessions_are_all_accepted(self, stage: Stage) -> None:
        license_ = seated_license.issue(seats=50)
        machines = stage.machines(license_, 50)
        seats = [machine.acquire().json() for machine in machines]
        calls = [lambda at=at: machines[at].beat(seats[at]) for at in range(50)]
        answers: list[httpx.Response] = stage.at_once(calls)  # type: ignore[arg-type]
        assert Counter(answer.status_code for answer in answers) == {200: 50}
        assert history.live(license_.id) == 50

    def test_of_one_session_with_one_token_are_all_accepted(self, stage: Stage) -> None:
        license_ = seated_license.issue(seats=1)
        seat = Machine(stage.webs[0], license_.key, "the-only-machine").acquire().json()
        machines = stage.machines(license_, 50)
        answers: list[httpx.Response] = stage.at_once([lambda one=one: one.beat(seat) for one in machines])  # type: ignore[misc]
        assert Counter(answer.status_code for answer in answers) == {200: 50}
        newest = {**seat, **answers[-1].json()}
        assert machines[0].beat(newest).status_code == 200


class TestTwentyThatComeAndGo:
    def test_ten_times_each_end_with_every_seat_free(self, stage: Stage) -> None:
        license_ = seated_license.issue(seats=20)

        def come_and_go(machine: Machine) -> list[int]:
            codes = []
            for _ in range(10):
                answer = machine.acquire()
                codes += [answer.status_code, machine.release(answer.json()).status_code]
            return codes

        machines = stage.machines(license_, 20)
        codes: list[list[int]] = stage.at_once([lambda one=one: come_and_go(one) for one in machines])  # type: ignore[misc]
        assert Counter(code for of_one in codes for code in of_one) == {201: 200, 204: 200}
        assert history.most_at_once(license_.id) <= 20
        assert history.live(license_.id) == 0
        if stage.redis is None:
            assert redis_client().zcard(f"seats:{{{license_.id}}}:leases") == 0
