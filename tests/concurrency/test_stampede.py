"""Many machines on few seats, over HTTP, against real web processes."""

from collections import Counter

import pytest

from config.kernel.redis import client as redis_client
from tests.concurrency import history, seated_license
from tests.concurrency.together import at_once
from tests.concurrency.web import Machine, Web, acquires, machines

pytestmark = pytest.mark.usefixtures("db")


class TestStampede:
    def test_of_fifty_machines_on_three_seats_grants_exactly_three(self, web: Web) -> None:
        license_ = seated_license.issue(seats=3)
        with history.watched(license_.id) as counts:
            answers = at_once(acquires(machines(50, web=web, license_key=license_.key)))
        assert Counter(answer.status_code for answer in answers) == {201: 3, 429: 47}
        for refusal in (answer for answer in answers if answer.status_code == 429):
            body = refusal.json()
            assert body["errors"][0]["code"] == "no_seats_available"
            assert (body["current_seats_used"], body["max_seats"]) == (3, 3)
            assert 1 <= int(refusal.headers["Retry-After"]) <= 360
        assert max(counts) <= 3
        assert history.most_at_once(license_.id) == history.live(license_.id) == 3

    def test_holds_over_two_web_processes(self, web: Web, second_web: Web) -> None:
        license_ = seated_license.issue(seats=3)
        asking = [Machine((web, second_web)[number % 2], license_.key, f"machine-{number:04}") for number in range(50)]
        answers = at_once(acquires(asking))
        assert Counter(answer.status_code for answer in answers) == {201: 3, 429: 47}
        assert history.most_at_once(license_.id) == 3

    def test_holds_when_the_gate_knows_nothing(self, web: Web) -> None:
        license_ = seated_license.issue(seats=3)
        asking = machines(50, web=web, license_key=license_.key)
        assert [machine.acquire().status_code for machine in asking[:3]] == [201, 201, 201]
        redis_client().flushall()
        answers = at_once(acquires(asking[3:]))
        assert {answer.status_code for answer in answers} == {429}
        assert history.most_at_once(license_.id) == 3

    def test_of_one_machine_gives_one_session_on_one_seat(self, web: Web, second_web: Web) -> None:
        license_ = seated_license.issue(seats=3)
        asking = [Machine((web, second_web)[number % 2], license_.key, "the-only-machine") for number in range(20)]
        answers = at_once(acquires(asking))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
        assert len({answer.json()["session_id"] for answer in answers}) == 1
        assert {answer.json()["seats_used"] for answer in answers} == {1}
        assert history.live(license_.id) == 1


class TestBeats:
    def test_of_one_token_fifty_times_at_once_are_all_accepted(self, web: Web) -> None:
        license_ = seated_license.issue(seats=1)
        machine = Machine(web, license_.key, "machine-0001")
        seat = machine.acquire().json()
        answers = at_once([lambda: machine.beat(seat)] * 50)
        assert Counter(answer.status_code for answer in answers) == {200: 50}
        # Each answer's token may be the one that the client keeps.
        assert {machine.beat({**seat, **answer.json()}).status_code for answer in answers[:5]} == {200}

    def test_do_not_keep_a_newcomer_waiting(self, web: Web) -> None:
        """Beats share the licence's lock, an acquire needs it alone: it must get it while they go on."""
        license_ = seated_license.issue(seats=9)
        holders = machines(8, web=web, license_key=license_.key)
        seats = [holder.acquire().json() for holder in holders]
        newcomer = Machine(web, license_.key, "the-newcomer")
        calls = [lambda at=at: [holders[at].beat(seats[at]) for _ in range(10)] for at in range(8)]
        *beats, (granted,) = at_once([*calls, lambda: [newcomer.acquire()]])
        assert {answer.status_code for of_one in beats for answer in of_one} == {200}
        assert granted.status_code == 201


class TestComingAndGoing:
    def test_ends_with_every_seat_free(self, web: Web) -> None:
        license_ = seated_license.issue(seats=5)

        def come_and_go(machine: Machine) -> list[int]:
            codes = []
            for _ in range(10):
                answer = machine.acquire()
                codes.append(answer.status_code)
                if answer.status_code == 201:
                    codes.append(machine.release(answer.json()).status_code)
            return codes

        with history.watched(license_.id) as counts:
            asking = machines(20, web=web, license_key=license_.key)
            codes = Counter(
                code
                for of_one in at_once([lambda one=one: come_and_go(one) for one in asking])  # type: ignore[misc]
                for code in of_one
            )
        assert set(codes) <= {201, 204, 429}
        assert codes[201] == codes[204] >= 10
        assert max(counts) <= 5
        assert history.most_at_once(license_.id) <= 5
        assert history.live(license_.id) == 0
        assert redis_client().zcard(f"seats:{{{license_.id}}}:leases") == 0
