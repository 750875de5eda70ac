"""A web process killed between the two stores: nothing is lost, nothing doubled, another process goes on."""

import httpx
import pytest

from tests.concurrency import history, seated_license
from tests.concurrency.together import Point, held, wait_until
from tests.concurrency.web import Machine, Web

pytestmark = pytest.mark.usefixtures("holdable")


class TestKilledWeb:
    @pytest.mark.parametrize(
        ("point", "asked_again"),
        [
            # Reserved in Redis, counted in PostgreSQL, not written: the transaction dies with its process.
            pytest.param(Point.INSERT, 201, id="before the lease is written"),
            # The COMMIT is on its way: it becomes true, and nobody is left to hear of it or to tell Redis.
            pytest.param(Point.COMMIT, 200, id="while the lease is committed"),
        ],
    )
    def test_in_the_middle_of_a_grant_costs_no_seat(
        self, web: Web, doomed_web: Web, point: Point, asked_again: int
    ) -> None:
        license_ = seated_license.issue(seats=2)
        neighbour, machine, late = (f"machine-{number:04}" for number in range(3))
        seat = Machine(web, license_.key, neighbour).acquire().json()
        with held(point, [Machine(doomed_web, license_.key, machine).acquire]) as (_, (asked,)):
            doomed_web.kill()
            assert isinstance(asked.exception(), httpx.TransportError)
        again = Machine(web, license_.key, machine).acquire()
        assert again.status_code == asked_again
        assert Machine(web, license_.key, late).acquire().status_code == 429
        assert Machine(web, license_.key, neighbour).beat(seat).status_code == 200
        assert history.most_at_once(license_.id) == history.live(license_.id) == 2
        assert Machine(web, license_.key, machine).release(again.json()).status_code == 204
        assert Machine(web, license_.key, late).acquire().status_code == 201

    def test_after_its_only_worker_died_serves_again_by_itself(self, web: Web) -> None:
        machine = Machine(web, seated_license.issue(seats=1).key, "machine-0001")
        seat = machine.acquire().json()
        before = web.pids()
        web.kill_workers()
        wait_until(lambda: web.pids() != before and web.serves(), seconds=20)
        assert machine.beat(seat).status_code == 200
        assert web.process.pid in before
