"""`/metrics` after real requests: figures move with what happens, and no label tells of anybody."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from api.http.metrics import requests
from config.kernel.ids import new_id
from config.kernel.metrics import state_collector
from config.kernel.redis import client
from licenses.services import history
from tests import stripe_account
from tests.api.beneath import as_owner
from tests.api.issued import licensed
from tests.jobs import as_role, run_jobs
from tests.journey import Licensed, sign_up
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")
SEATS = "/api/v1/licenses/"


class Figures:
    """What `/metrics` tells, compared with what it told before: counters last as long as the test process."""

    def __init__(self) -> None:
        self.before = self.now()

    def now(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Return each series by its name and the values of its labels, by label."""
        state_collector.forget()
        answer = APIClient().get("/metrics")
        assert answer.status_code == 200
        self.page = answer.content.decode()
        return {
            (sample.name.removeprefix("coditect_"), tuple(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(self.page)
            for sample in family.samples
        }

    def moved(self, name: str) -> dict[tuple[str, ...], float]:
        """Return by how much each series of a metric has grown, those that have."""
        now = self.now()
        grown = {labels: value - self.before.get((each, labels), 0) for (each, labels), value in now.items()
                 if each == name}  # fmt: skip
        return {labels: value for labels, value in grown.items() if value}


@pytest.fixture
def three_seats(db: None) -> Licensed:
    """Return a customer with a licence of three seats."""
    return licensed()


def acquire(who: Licensed, machine: int) -> Any:
    """Ask for a seat."""
    return who.customer.api.post(
        f"{SEATS}acquire", {"license_key": who.license_key, "hardware_id": f"machine-{machine:04}"}
    )


class TestSeats:
    def test_are_counted_by_what_the_machine_is_answered(self, three_seats: Licensed) -> None:
        figures = Figures()
        seats = [acquire(three_seats, machine).json() for machine in (1, 2, 3)]
        assert [acquire(three_seats, machine).status_code for machine in (1, 4)] == [200, 429]
        assert APIClient().post(f"{SEATS}acquire", {"license_key": "x", "hardware_id": "machine-0001"}).status_code
        token = {name: seats[1][name] for name in ("session_id", "signed_token")}
        assert APIClient().post(f"{SEATS}heartbeat", token).status_code == 200
        mixed = {**token, "session_id": seats[2]["session_id"]}
        assert APIClient().post(f"{SEATS}heartbeat", mixed).status_code == 403
        assert APIClient().post(f"{SEATS}release", token).status_code == 204
        assert figures.moved("seat_acquires_total") == {
            ("granted",): 3, ("returned",): 1, ("full_at_gate",): 1, ("license_key_malformed",): 1,
        }  # fmt: skip
        assert figures.moved("seat_beats_total") == {("renewed",): 1, ("token_mismatch",): 1}
        assert figures.moved("seat_releases_total") == {("released",): 1}
        assert figures.moved("seat_degraded_total") == {}
        assert figures.moved("seat_beat_batch_size_count") == {(): 1}
        assert figures.moved("seat_script_seconds_count") == {
            ("acquire_seat",): 5, ("refresh_heartbeat",): 5, ("release_seat",): 1,
        }  # fmt: skip
        now = figures.now()
        assert (now["seats_leased", ("starter",)], now["seats_limit", ("starter",)]) == (2, 3)

    def test_that_a_gate_let_through_are_refused_at_the_record(self, three_seats: Licensed) -> None:
        for machine in (1, 2, 3):
            acquire(three_seats, machine)
        client().flushall()
        figures = Figures()
        assert acquire(three_seats, 4).status_code == 429
        assert figures.moved("seat_acquires_total") == {("full_at_record",): 1}
        assert figures.moved("seat_script_seconds_count")["load_leases",] == 1

    def test_without_redis_are_counted_as_degraded_and_the_breaker_as_open(self, three_seats: Licensed) -> None:
        figures = Figures()
        redis = servers.current().redis
        redis.pause()
        try:
            seat = acquire(three_seats, 1).json()
            token = {name: seat[name] for name in ("session_id", "signed_token")}
            assert APIClient().post(f"{SEATS}heartbeat", token).json()["degraded"] is True
            assert figures.moved("seat_degraded_total") == {("acquire",): 1, ("beat",): 1}
            assert figures.moved("redis_breaker_open") == {(): 1}
            assert sum(figures.moved("redis_calls_lost_total").values()) >= 3
        finally:
            redis.resume()

    def test_whose_licence_ended_have_no_limit_any_more(self, three_seats: Licensed) -> None:
        as_owner("update licenses_license set status = 'inactive'")
        now = Figures().before
        assert (now["seats_limit", ("starter",)], now["licenses", ("inactive", "starter")]) == (0, 1)

    def test_that_ran_out_are_counted_once_they_are_in_the_history(self, three_seats: Licensed) -> None:
        acquire(three_seats, 1)
        as_owner("update licenses_licensesession set expires_at = now() - interval '1 second'")
        figures = Figures()
        with as_role("worker"):
            assert history.record_lapsed() == 1
        assert figures.moved("seat_lease_expiries_total") == {(): 1}


class TestRequests:
    def test_are_counted_by_the_template_of_their_route(self) -> None:
        figures = Figures()
        api = APIClient()
        for path in ("licenses/CODITECT-VC78-YEMM-44HV-BY8F-ZHDA/status", "auth/verify-email/secret", "nowhere/at/all"):
            api.get(f"/api/v1/{path}")
        api.generic("PROPFIND", "/api/v1/plans")
        assert figures.moved("http_requests_total") == {
            ("GET", "/api/v1/licenses/<license_key>/status", "404"): 1,
            ("GET", "/api/v1/auth/verify-email/<token>", "400"): 1,
            ("GET", "(none)", "404"): 1,
            ("other", "/api/v1/plans", "405"): 1,
            ("GET", "/metrics", "200"): 1,
        }

    def test_of_an_attacker_make_no_more_series(self) -> None:
        api = APIClient()
        api.generic("M0", "/first")
        before = len(requests._children)
        for number in range(200):
            api.generic(f"M{number}", f"/api/v1/nowhere/{number}")
        assert len(requests._children) == before


class TestWork:
    def test_moves_the_inbox_the_mails_and_the_jobs(self) -> None:
        figures = Figures()
        customer = sign_up()
        stripe_account.new_events()
        opened = customer.api.post("/api/v1/checkout/session", {"plan_id": "starter"})
        stripe_account.act(opened.json()["checkout_url"], "pay")
        events = stripe_account.new_events()
        for event in [*events, events[0]]:
            assert stripe_account.deliver(APIClient(), event).status_code == 200
        assert APIClient().post("/api/v1/webhooks/stripe", {}).status_code == 400
        assert figures.moved("webhook_received_total") == {
            ("stored",): len(events), ("repeated",): 1, ("refused",): 1,
        }  # fmt: skip
        waiting = figures.now()
        assert waiting["webhook_events", ("pending",)] == len(events)
        assert waiting["webhook_oldest_pending_seconds", ()] > 0
        assert waiting["jobs", ("default", "todo")] >= len(events)
        assert waiting["jobs_oldest_due_seconds", ()] > 0
        assert waiting["mails_waiting", ("queued",)] >= 1
        run_jobs()
        done = figures.now()
        assert (done["webhook_events", ("pending",)], done["webhook_oldest_pending_seconds", ()]) == (0, 0)
        assert (done["jobs", ("default", "todo")], done["mails_waiting", ("queued",)]) == (0, 0)
        assert done["mails_of_the_day", ("license_issued", "sent")] == 1
        assert figures.moved("mail_attempts_total")["license_issued", "sent"] == 1
        processed = figures.moved("webhook_processed_total")
        assert sum(processed.values()) == len(events)
        assert {outcome for outcome, _ in processed} == {"completed"}
        assert figures.moved("jobs_run_total")["subscriptions.process_webhook_event", "done"] == len(events)
        assert done["audit_unsealed", ()] > 0

    def test_given_up_is_seen(self) -> None:
        as_owner(
            "insert into subscriptions_webhookevent (id, stripe_event_id, event_type, payload, status, attempts, "
            "error, received_at, next_attempt_at) values (gen_random_uuid(), 'evt_1', 'invoice.paid', '{}', 'failed', "
            "14, '', now(), now())"
        )
        assert Figures().before["webhook_events", ("failed",)] == 1

    def test_shows_what_the_last_comparison_found(self) -> None:
        line = '{"field": "%s", "outcome": "%s"}'
        for kind, report in (
            ("subscriptions", f"[{line % ('quantity', 'repaired')}]"),
            ("subscriptions", f"[{line % ('status', 'repaired')}, {line % ('price', 'not repaired: evt_x of ada')}]"),
            ("events", '[{"event": "evt_1", "type": "invoice.paid"}]'),
        ):
            as_owner(
                "insert into subscriptions_reconcilerun (id, kind, started_at, finished_at, looked_at, differences, "
                "report) values (%s, %s, now(), now() - interval '100 seconds', 9, 1, %s)",
                new_id(), kind, report,
            )  # fmt: skip
        figures = Figures()
        found = {labels: value for (name, labels), value in figures.before.items() if name == "reconcile_differences"}
        assert found == {
            ("yes", "subscriptions"): 1,
            ("no", "subscriptions"): 1,
            ("yes", "events"): 1,
            ("no", "events"): 0,
        }
        assert figures.before["reconcile_field_differences", ("price", "no", "subscriptions")] == 1
        assert 100 <= figures.before["reconcile_age_seconds", ("subscriptions",)] < 200
        assert "ada" not in figures.page


class TestSecrecy:
    def test_no_label_tells_of_anybody(self, three_seats: Licensed) -> None:
        seat = acquire(three_seats, 1).json()
        customer = three_seats.customer
        APIClient().get(f"{SEATS}{three_seats.license_key}/status")
        APIClient().post("/api/v1/auth/login", {"email": customer.email, "password": "Wrong-Horse-1"})
        APIClient().get(f"/api/v1/{customer.email}/{seat['signed_token']}")
        page = Figures().page
        for secret in (
            three_seats.license_key, three_seats.license_key[-9:], three_seats.license_id, customer.email,
            customer.organization_id, customer.user_id, seat["session_id"], seat["signed_token"], "machine-0001", "@",
            "eyJ", "Analytical Engines",
        ):  # fmt: skip
            assert secret not in page, secret
