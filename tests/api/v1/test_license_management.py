"""/licenses/…: what owners and admins do with a licence; the races are in tests/concurrency/test_license_verbs.py."""

import io
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from config.kernel import clock
from config.kernel.ids import new_id
from config.kernel.redis import client as redis_client
from config.kernel.tenancy import organization_context
from licenses.services import issuing
from subscriptions.models import Subscription
from tests import journey
from tests.api.beneath import as_owner, count, join
from tests.api.issued import change, licensed
from tests.api.raw import quiet, send
from tests.api.refusals import refused
from tests.api.v1.test_licenses import FUTURE, acquire, activate, validate
from tests.authenticator_app import pass_ten_minutes
from tests.jobs import run_jobs
from tests.journey import Licensed
from tests.licenses.test_transitions import NOON

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence that whoever has the key may use."""
    made = licensed(access_policy="key")
    quiet(made.customer.api)
    return made


def verb(made: Licensed, name: str, **body: Any) -> Any:
    """Do something with the licence, as its owner."""
    return made.customer.api.post(f"/api/v1/licenses/{made.license_id}/{name}", body)


def settle(made: Licensed, **settings: Any) -> Any:
    """Change its settings, as its owner."""
    return made.customer.api.patch(f"/api/v1/licenses/{made.license_id}", settings)


def subscription(made: Licensed, **columns: Any) -> None:
    """Let the licence's subscription become something, and the licence follow it."""
    organization_id = UUID(made.customer.organization_id)
    with organization_context(organization_id):
        Subscription.objects.update(**columns)
        found = Subscription.objects.get()
    issuing.apply_subscription(organization_id=organization_id, subscription_id=found.id)


def audited(*actions: str) -> list[tuple[str, bool, dict[str, Any]]]:
    """Return the entries of these actions: what, whether somebody did it, and what is told."""
    return as_owner(
        "select action, actor_id is not null, data from users_auditentry where action = any(%s) order by id",
        list(actions),
    )


def beat(seat: Any) -> Any:
    """Keep a seat."""
    body = {name: seat.json()[name] for name in ("session_id", "signed_token")}
    return quiet(APIClient()).post("/api/v1/licenses/heartbeat", body)


class TestEveryVerb:
    ROUTES = (("POST", "/suspend"), ("POST", "/reinstate"), ("POST", "/rotate-key"), ("PATCH", ""),
              ("DELETE", "/activations/{activation}"))  # fmt: skip

    @pytest.mark.parametrize(("role", "allowed"), [("admin", True), ("billing", False), ("member", False)])
    def test_is_for_owners_and_admins(self, made: Licensed, role: str, allowed: bool) -> None:
        activation_id = self.activated(made)
        colleague = journey.sign_up()
        join(made.customer.organization_id, colleague.user_id, role)
        for method, end in self.ROUTES:
            path = f"/api/v1/licenses/{made.license_id}{end.format(activation=activation_id)}"
            answer = send(quiet(colleague.api), method, path, HTTP_X_ORGANIZATION=made.customer.organization_id)
            if allowed:
                assert answer.status_code in (200, 204), (method, path, answer.content)
            else:
                refused(answer, 403, "permission_denied")

    def test_is_for_their_own_licences(self, made: Licensed) -> None:
        activation_id, stranger = self.activated(made), journey.sign_up()
        for method, end in self.ROUTES:
            path = f"/api/v1/licenses/{made.license_id}{end.format(activation=activation_id)}"
            code = "license_not_found"
            refused(send(quiet(stranger.api), method, path), 404, code)

    def activated(self, made: Licensed) -> str:
        """Return the id of a machine's activation."""
        assert activate(made).status_code == 201
        return str(as_owner("select id from licenses_activation")[0][0])


class TestSuspend:
    def test_stops_seats_beats_and_activations_at_once_and_says_who_did_it(self, made: Licensed) -> None:
        seat = acquire(made)
        told = verb(made, "suspend", reason="Contract under review").json()
        assert (told["status"], told["usable"], told["suspension_reason"]) == ("suspended", False, "admin")
        assert told["suspension_note"] == "Contract under review"
        assert told["suspended_at"]
        for answer in (acquire(made, "machine-0002"), activate(made, "machine-0003"), beat(seat), acquire(made)):
            refused(answer, 403, "license_suspended")
        assert validate(made.license_key)["code"] == "SUSPENDED"

    def test_again_changes_nothing(self, made: Licensed) -> None:
        first = verb(made, "suspend", reason="One").json()
        assert verb(made, "suspend", reason="Another").json() == first
        assert audited("LICENSE_SUSPENDED") == [("LICENSE_SUSPENDED", True, {"before": "active", "after": "held"})]

    def test_outlasts_payments_and_leaves_no_grace(self, made: Licensed) -> None:
        verb(made, "suspend")
        for columns in ({"last_paid_at": NOON}, {"failed_payment_count": 1, "grace_period_ends_at": FUTURE,
                                                 "status": "past_due"}):  # fmt: skip
            subscription(made, **columns)
            assert validate(made.license_key)["code"] == "SUSPENDED"
        (row,) = made.customer.api.get("/api/v1/licenses").json()["results"]
        assert (row["suspension_reason"], row["grace_period_ends_at"]) == ("admin", None)

    def test_replaces_a_suspension_by_billing_and_its_grace(self, made: Licensed) -> None:
        subscription(made, status="past_due", failed_payment_count=1, grace_period_ends_at=FUTURE)
        assert validate(made.license_key)["code"] == "IN_GRACE"
        assert verb(made, "suspend").json()["grace_period_ends_at"] is None
        assert validate(made.license_key)["code"] == "SUSPENDED"

    def test_is_refused_for_what_has_ended(self, made: Licensed) -> None:
        subscription(made, status="canceled")
        for name in ("suspend", "reinstate", "rotate-key"):
            refused(verb(made, name), 403, "license_inactive")
        assert audited("LICENSE_REINSTATED", "LICENSE_KEY_ROTATED") == []

    def test_takes_a_reason_of_at_most_200_characters(self, made: Licensed) -> None:
        refused(verb(made, "suspend", reason="x" * 201), 400, "max_length", "reason")
        assert verb(made, "suspend", reason="x" * 200).status_code == 200


class TestReinstate:
    def test_gives_running_leases_back_to_their_holders(self, made: Licensed) -> None:
        seat = acquire(made)
        verb(made, "suspend", reason="A mistake")
        told = verb(made, "reinstate").json()
        assert (told["status"], told["suspension_reason"], told["suspended_at"]) == ("active", None, None)
        assert told["suspension_note"] == ""
        assert beat(seat).status_code == 200
        assert verb(made, "reinstate").json()["status"] == "active", "again is fine"
        assert audited("LICENSE_REINSTATED") == [("LICENSE_REINSTATED", True, {"before": "held", "after": "active"})]

    def test_leaves_what_billing_asks_for(self, made: Licensed) -> None:
        verb(made, "suspend")
        subscription(made, status="past_due", failed_payment_count=1, grace_period_ends_at=FUTURE)
        told = verb(made, "reinstate").json()
        assert (told["status"], told["suspension_reason"], told["usable"]) == ("suspended", "billing", True)
        assert datetime.fromisoformat(told["grace_period_ends_at"]) == FUTURE
        refused(verb(made, "reinstate"), 409, "suspended_by_billing")

    def test_ends_a_licence_whose_grace_ran_out_meanwhile(self, made: Licensed) -> None:
        verb(made, "suspend")
        subscription(made, status="past_due", failed_payment_count=1, grace_period_ends_at=FUTURE)
        with organization_context(UUID(made.customer.organization_id)):
            Subscription.objects.update(grace_period_ends_at=clock.now() - timedelta(seconds=1))
        assert verb(made, "reinstate").json()["status"] == "inactive"


class TestRotateKey:
    def test_makes_a_new_key_and_lets_the_old_one_work_for_a_day(self, made: Licensed) -> None:
        seat = acquire(made)
        told = verb(made, "rotate-key").json()
        until = datetime.fromisoformat(told["old_key_valid_until"])
        assert timedelta(hours=23, minutes=59) < until - clock.now() < timedelta(hours=24, seconds=1)
        new = Licensed(made.customer, made.license_id, told["license_key"])
        assert new.license_key != made.license_key
        for one, expected in ((made, told["old_key_valid_until"]), (new, None)):
            verdict = validate(one.license_key)
            assert (verdict["code"], verdict["license"]["key_valid_until"]) == ("VALID", expected)
            assert ("This key was replaced and stops working at" in verdict["detail"]) is (expected is not None)
            shown = APIClient().get(f"/api/v1/licenses/{one.license_key}/status").json()
            assert shown["key_valid_until"] == expected
            taken = acquire(one, "machine-0002")
            assert taken.status_code in (200, 201)
            assert taken.json()["license"]["key_valid_until"] == expected
        assert beat(seat).status_code == 200
        assert audited("LICENSE_KEY_ROTATED") == [("LICENSE_KEY_ROTATED", True, {"overlap_hours": 24})]

    def test_without_overlap_stops_the_old_key_at_once_but_no_seat(self, made: Licensed) -> None:
        seat = acquire(made)
        verb(made, "rotate-key", overlap_hours=0)
        assert validate(made.license_key)["code"] == "NOT_FOUND"
        refused(acquire(made), 404, "license_not_found")
        assert beat(seat).status_code == 200

    def test_stops_the_old_key_to_the_second_with_no_job_running(self, made: Licensed) -> None:
        verb(made, "rotate-key", overlap_hours=1)
        as_owner("update licenses_retiredkey set valid_until = clock_timestamp() + interval '1 second'")
        ((until,),) = as_owner("select valid_until from licenses_retiredkey")
        codes = set()
        while (told := validate(made.license_key))["code"] == "VALID":
            codes.add(datetime.fromisoformat(told["timestamp"]) < until)
        assert codes == {True}, "it worked for as long as was said"
        assert told["code"] == "NOT_FOUND"
        assert until <= datetime.fromisoformat(told["timestamp"]) < until + timedelta(seconds=1)

    def test_again_lets_each_older_key_work_for_as_long_as_it_had_or_the_new_overlap_allows(
        self, made: Licensed
    ) -> None:
        keys = [made.license_key]
        for hours in (720, 1, 48):
            keys.append(verb(made, "rotate-key", overlap_hours=hours).json()["license_key"])
        untils = [validate(key)["license"]["key_valid_until"] for key in keys]
        assert untils[3] is None
        left = [datetime.fromisoformat(until) - clock.now() for until in untils[:3]]
        assert [round(one / timedelta(hours=1)) for one in left] == [1, 1, 48]
        verb(made, "rotate-key", overlap_hours=0)
        assert [validate(key)["code"] for key in keys] == ["NOT_FOUND"] * 4, "a leak is stopped, whatever was promised"

    def test_is_repeated_by_an_idempotency_key_and_by_nothing_else(self, made: Licensed) -> None:
        path, headers = f"/api/v1/licenses/{made.license_id}/rotate-key", {"Idempotency-Key": "rotate-1"}
        first, again = (made.customer.api.post(path, {}, headers=headers) for _ in range(2))
        assert first.json() == again.json()
        assert count("licenses_retiredkey") == 1
        assert verb(made, "rotate-key").json()["license_key"] != first.json()["license_key"]

    @pytest.mark.parametrize("hours", [-1, 721, "soon", 1.5, None])
    def test_takes_whole_hours_from_none_to_thirty_days(self, made: Licensed, hours: Any) -> None:
        answer = made.customer.api.post(f"/api/v1/licenses/{made.license_id}/rotate-key", {"overlap_hours": hours})
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "overlap_hours")
        assert count("licenses_retiredkey") == 0

    def test_and_opening_a_licence_ask_who_one_is(self, made: Licensed) -> None:
        pass_ten_minutes()
        refused(verb(made, "rotate-key"), 403, "step_up_required")
        refused(settle(made, access_policy="mixed"), 403, "step_up_required")
        assert settle(made, max_activations=5).status_code == 200
        assert verb(made, "suspend").status_code == 200

    def test_puts_the_new_key_into_the_file(self, made: Licensed) -> None:
        new = verb(made, "rotate-key").json()["license_key"]
        assert made.customer.api.get(f"/api/v1/licenses/{made.license_id}").json()["license_key"] == new


class TestSettings:
    def test_are_changed_one_by_one_and_audited(self, made: Licensed) -> None:
        told = settle(made, require_activation=True, unknown=1).json()
        assert (told["require_activation"], told["access_policy"], told["max_activations"]) == (True, "key", None)
        assert settle(made, max_activations=2, match_policy="most", access_policy="mixed").status_code == 200
        assert settle(made, max_activations=2).status_code == 200
        assert settle(made).status_code == 200
        assert [data for _, _, data in audited("LICENSE_SETTINGS_CHANGED")] == [
            {"before": {"require_activation": False}, "after": {"require_activation": True}},
            {"before": {"access_policy": "key", "match_policy": "any", "max_activations": None},
             "after": {"access_policy": "mixed", "match_policy": "most", "max_activations": 2}},
        ]  # fmt: skip

    def test_decide_about_whoever_comes_next_and_end_nothing(self, made: Licensed) -> None:
        seat = acquire(made)
        settle(made, require_activation=True, max_activations=0)
        assert beat(seat).status_code == 200
        assert acquire(made).status_code == 200
        refused(acquire(made, "machine-0002"), 403, "activation_required")
        refused(activate(made, "machine-0002"), 403, "activation_limit_reached")
        settle(made, require_activation=False, max_activations=None)
        assert acquire(made, "machine-0002").status_code == 201

    def test_that_are_none_are_refused(self, made: Licensed) -> None:
        for settings, code in (
            ({"access_policy": "all"}, "invalid_choice"),
            ({"match_policy": "few"}, "invalid_choice"),
            ({"max_activations": -1}, "min_value"),
            ({"max_activations": 2**31}, "max_value"),
            ({"require_activation": None}, "null"),
        ):
            refused(settle(made, **settings), 400, code, next(iter(settings)))

    def test_cannot_give_seats_or_lift_a_suspension(self, made: Licensed) -> None:
        verb(made, "suspend")
        told = settle(made, max_seats=99, overage_seats=99, overage_percent=99, status="active", features={}).json()
        assert (told["max_seats"], told["overage_seats"], told["status"]) == (3, 0, "suspended")


class TestActivations:
    def test_are_listed_with_the_seats_they_hold(self, made: Licensed) -> None:
        activate(made, hardware_name="Ada's laptop", platform="linux")
        seat = acquire(made, "machine-0002").json()
        path = f"/api/v1/licenses/{made.license_id}/activations"
        rows = made.customer.api.get(path).json()["results"]
        assert [(row["hardware_name"], row["platform"], row["session_id"]) for row in rows] == [
            ("Ada's laptop", "linux", None),
            ("", "", seat["session_id"]),
        ]
        assert set(rows[0]) == {"id", "hardware_name", "platform", "activated_at", "signals", "session_id"}
        assert made.customer.api.get(f"{path}/{rows[0]['id']}").json() == rows[0]

    def test_are_taken_back_with_the_seat_in_the_record_and_in_the_gate(self, made: Licensed) -> None:
        change(made, max_seats=1)
        seat = acquire(made)
        refused(acquire(made, "machine-0002"), 429, "no_seats_available")
        path = f"/api/v1/licenses/{made.license_id}/activations"
        (row,) = made.customer.api.get(path).json()["results"]
        assert made.customer.api.delete(f"{path}/{row['id']}").status_code == 204
        assert redis_client().zcard(f"seats:{{{made.license_id}}}:leases") == 0
        refused(beat(seat), 410, "session_expired")
        assert acquire(made, "machine-0002").status_code == 201
        refused(made.customer.api.delete(f"{path}/{row['id']}"), 404, "activation_not_found")
        ((action, done, data),) = audited("ACTIVATION_REMOVED")
        assert (action, done, data["session_id"]) == ("ACTIVATION_REMOVED", True, seat.json()["session_id"])

    def test_taken_back_make_room_for_another_machine(self, made: Licensed) -> None:
        settle(made, max_activations=1)
        activate(made)
        refused(activate(made, "machine-0002"), 403, "activation_limit_reached")
        path = f"/api/v1/licenses/{made.license_id}/activations"
        (row,) = made.customer.api.get(path).json()["results"]
        made.customer.api.delete(f"{path}/{row['id']}")
        assert activate(made, "machine-0002").status_code == 201
        refused(activate(made), 403, "activation_limit_reached")

    def test_of_another_licence_are_not_found(self, made: Licensed) -> None:
        activate(made)
        ((activation_id,),) = as_owner("select id from licenses_activation")
        other = licensed()
        for method in ("GET", "DELETE"):
            path = f"/api/v1/licenses/{other.license_id}/activations/{activation_id}"
            refused(send(quiet(other.customer.api), method, path), 404, "activation_not_found")
        assert count("licenses_activation") == 1


class TestOverage:
    @pytest.mark.parametrize(
        ("columns", "extra"),
        [({"overage_seats": 0}, 0), ({"overage_seats": 2}, 2), ({"overage_percent": 50}, 1),
         ({"overage_percent": 33}, 0)],
    )  # fmt: skip
    def test_is_leased_after_what_was_bought_and_told_apart(
        self, made: Licensed, columns: dict[str, int], extra: int
    ) -> None:
        change(made, **columns)
        for number in range(3 + extra):
            answer = acquire(made, f"machine-000{number}")
            assert answer.status_code == 201
            over = max(0, number + 1 - 3)
            told = answer.json()["license"]
            assert (told["max_seats"], told["overage_seats"], told["overage_used"]) == (3, extra, over)
        refused(acquire(made, "machine-0009"), 429, "no_seats_available")
        redis_client().flushall()
        refused(acquire(made, "machine-0009"), 429, "no_seats_available")
        assert validate(made.license_key)["code"] == "NO_SEATS"
        (row,) = made.customer.api.get("/api/v1/licenses").json()["results"]
        told = [row[name] for name in ("max_seats", "seats_used", "seats_remaining", "overage_seats", "overage_used")]
        assert told == [3, 3 + extra, 0, extra, extra]


class TestClosedOrganization:
    def test_has_no_licence_that_still_gives_seats(self) -> None:
        made = licensed(access_policy="key", max_borrowed_seats=1)
        api = quiet(APIClient())
        asked = {"license_key": made.license_key, "hardware_id": "machine-0001"}
        seat = api.post("/api/v1/licenses/acquire", asked).json()
        owner = made.customer
        assert owner.api.delete(f"/api/v1/organizations/{owner.organization_id}").status_code == 204
        run_jobs()
        beat = {name: seat[name] for name in ("session_id", "signed_token")}
        refused(api.post("/api/v1/licenses/heartbeat", beat), 410, "session_expired")
        refused(api.post("/api/v1/licenses/acquire", asked), 403, "license_inactive")
        refused(api.post("/api/v1/licenses/borrow", {**asked, "days": 1}), 403, "license_inactive")
        assert api.post("/api/v1/licenses/validate", asked).json()["code"] == "INACTIVE"
        # What is still paid at Stripe, and told late, revives nothing.
        ((subscription_id,),) = as_owner("select id from subscriptions_subscription")
        issuing.apply_subscription(organization_id=UUID(owner.organization_id), subscription_id=subscription_id)
        refused(api.post("/api/v1/licenses/acquire", asked), 403, "license_inactive")
        told = as_owner("select action from users_auditentry where action = 'LICENSE_DEACTIVATED'")
        assert told == [("LICENSE_DEACTIVATED",)]


class TestEntitlements:
    def test_travel_with_the_lease_and_in_the_file(self, made: Licensed) -> None:
        features = {"exports": True, "projects": 5}
        change(made, features=features)
        assert acquire(made).json()["license"]["features"] == features
        assert validate(made.license_key)["license"]["features"] == features

    def test_of_a_plan_that_changed_reach_the_licence(self, made: Licensed) -> None:
        change(made, features={"old": True})
        subscription(made)
        (row,) = made.customer.api.get("/api/v1/licenses").json()["results"]
        assert "old" not in row["features"]


class TestAllowOverage:
    def test_is_for_staff_at_their_terminal_and_audited_once(self, made: Licensed) -> None:
        for _ in range(2):
            told = io.StringIO()
            call_command("allow_overage", made.license_id, "--seats", "1", "--percent", "34", stdout=told)
            assert told.getvalue() == "5 seats may be leased at once.\n"
        ((_, by_somebody, data),) = audited("LICENSE_OVERAGE_CHANGED")
        assert (by_somebody, data) == (False, {"before": [0, 0], "seats": 1, "percent": 34})
        for wrong in (["--seats", "-1"], ["--percent", "1001"]):
            with pytest.raises(CommandError):
                call_command("allow_overage", made.license_id, *wrong)
        with pytest.raises(CommandError):
            call_command("allow_overage", str(new_id()))
