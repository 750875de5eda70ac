"""PostgreSQL stopped and killed under a real web process, which stays up, says so, and goes on when it is back."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.kernel.database import POOL_WAIT_SECONDS
from deploy.local.postgres import Postgres
from tests.concurrency import history, seated_license
from tests.concurrency.together import Point, held, wait_until
from tests.concurrency.web import Machine, Web

AT_MOST_SECONDS = 5.0
"""A caller waits for a connection from the pool for POOL_WAIT_SECONDS, and not much longer."""
BACK_WITHIN_SECONDS = 20.0


class TestStoppedPostgres:
    def test_is_answered_with_503_by_a_process_that_stays_up_and_recovers(self, web: Web, postgres: Postgres) -> None:
        license_ = seated_license.issue(seats=1)
        machine = Machine(web, license_.key, "machine-0001")
        seat = machine.acquire().json()
        pids = web.pids()
        postgres.stop()
        for refused in (machine.acquire, lambda: machine.beat(seat), lambda: machine.release(seat)):
            began = time.monotonic()
            answer = refused()
            assert time.monotonic() - began < AT_MOST_SECONDS
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            assert answer.json()["errors"][0]["code"] == "service_unavailable"
        ready = web.http.get("/health/ready")
        assert (ready.status_code, ready.json()["checks"]["postgres"]) == (503, "unavailable")
        assert web.http.get("/health/live").status_code == 200
        postgres.start()
        wait_until(lambda: machine.beat(seat).status_code == 200, seconds=BACK_WITHIN_SECONDS)
        assert machine.acquire().json()["session_id"] == seat["session_id"]
        assert web.http.get("/health/ready").status_code == 200
        assert web.pids() == pids, "it recovered, it was not restarted"


class TestHealth:
    def test_says_that_the_process_lives_while_others_wait_for_postgres(self, web: Web, postgres: Postgres) -> None:
        license_ = seated_license.issue(seats=1)
        asking = [Machine(web, license_.key, f"machine-{number:04}").acquire for number in range(20)]
        postgres.stop()
        with ThreadPoolExecutor(20) as threads:
            answers = [threads.submit(ask) for ask in asking]
            began = time.monotonic()
            assert web.http.get("/health/live").status_code == 200
            # Every thread may be waiting for the pool once; without the outage being known, each waits again and again.
            assert time.monotonic() - began < 2 * POOL_WAIT_SECONDS
            assert {answer.result().status_code for answer in answers} == {503}
        postgres.start()
        wait_until(lambda: asking[0]().status_code in {200, 201}, seconds=BACK_WITHIN_SECONDS)


class TestKilledPostgres:
    @pytest.mark.parametrize("point", [Point.INSERT, Point.COMMIT])
    def test_in_the_middle_of_a_grant_costs_no_seat(
        self, web: Web, holdable: None, postgres: Postgres, point: Point
    ) -> None:
        license_ = seated_license.issue(seats=1)
        machine, other = (Machine(web, license_.key, name) for name in ("machine-0001", "machine-0002"))
        with held(point, [machine.acquire]) as (_, (asked,)):
            postgres.kill()
            assert asked.result().status_code == 503
            postgres.start()
        wait_until(lambda: machine.acquire().status_code in {200, 201}, seconds=BACK_WITHIN_SECONDS)
        assert other.acquire().status_code == 429
        assert history.most_at_once(license_.id) == history.live(license_.id) == 1
