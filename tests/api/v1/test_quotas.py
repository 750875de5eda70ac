"""What a plan allows: members, licences and requests are refused above it, by name, and told at /usage."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import django_ratelimit.core
import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from config.kernel.redis import breaker
from tests import invitations, journey, stripe_account
from tests.api.beneath import as_owner
from tests.api.refusals import refused
from tests.jobs import run_jobs
from tests.journey import Customer
from tests.plugins import servers
from tests.subscriptions.stripe_side import call, pay, subscription_of, tell

pytestmark = pytest.mark.usefixtures("db")


def allow(customer: Customer, name: str, allowed: int | None) -> None:
    """Set one of the customer's quotas."""
    as_owner(
        "update organizations_quota set allowed = %s where organization_id = %s and name = %s",
        allowed, customer.organization_id, name,
    )  # fmt: skip


def usage(customer: Customer) -> dict[str, Any]:
    """Return what the usage route tells."""
    answer = customer.api.get(f"/api/v1/organizations/{customer.organization_id}/usage")
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def invite(customer: Customer, email: str) -> Any:
    """Invite an address."""
    return customer.api.post(f"/api/v1/organizations/{customer.organization_id}/invitations", {"email": email})


class TestUsage:
    def test_starts_as_the_free_tier_with_the_owner_as_its_one_member(self) -> None:
        assert usage(journey.sign_up()) == {
            "members": {"limit": 5, "used": 1, "remaining": 4},
            "licenses": {"limit": 0, "used": 0, "remaining": 0},
            "memory_sessions": {"limit": 500, "used": 0, "remaining": 500},
            "requests_per_minute": {"limit": 300, "used": None, "remaining": None},
        }

    def test_follows_the_plan_and_falls_back_when_it_ends(self) -> None:
        customer = journey.sign_up()
        _, told_by_stripe = pay(customer, plan="pro")
        tell(*told_by_stripe)
        run_jobs()
        told = usage(customer)
        assert told["members"] == {"limit": 50, "used": 1, "remaining": 49}
        assert told["licenses"] == {"limit": 3, "used": 1, "remaining": 2}
        call("DELETE", f"subscriptions/{subscription_of(told_by_stripe)}")
        tell(*stripe_account.new_events())
        run_jobs()
        told = usage(customer)
        assert told["members"] == {"limit": 5, "used": 1, "remaining": 4}
        assert told["licenses"] == {"limit": 0, "used": 0, "remaining": 0}

    def test_of_no_limit_is_null(self) -> None:
        told = usage(journey.licensed(plan="enterprise").customer)
        assert told["licenses"] == {"limit": None, "used": 1, "remaining": None}

    def test_above_a_smaller_plan_leaves_nothing_and_takes_nothing_away(self) -> None:
        customer = journey.sign_up()
        allow(customer, "members", 0)
        assert usage(customer)["members"] == {"limit": 0, "used": 1, "remaining": 0}

    def test_is_a_members_to_see(self) -> None:
        ada, eve = journey.sign_up(), journey.sign_up()
        refused(eve.api.get(f"/api/v1/organizations/{ada.organization_id}/usage"), 404, "organization_not_found")


class TestMembers:
    def test_are_not_invited_in_greater_number_than_may_join(self) -> None:
        customer = journey.sign_up()
        allow(customer, "members", 3)
        assert [invite(customer, f"guest{n}@example.com").status_code for n in range(3)] == [201, 201, 402]
        answer = invite(customer, "guest9@example.com")
        refused(answer, 402, "quota_exceeded")
        assert (answer.json()["quota"], answer.json()["limit"], answer.json()["used"]) == ("members", 3, 1)
        assert invite(customer, "guest1@example.com").status_code == 201, "replacing an invitation is not one more"

    def test_do_not_join_a_full_organization_and_keep_their_invitation(self) -> None:
        owner, guest = journey.sign_up(), journey.sign_up()
        token = invitations.invite(owner, guest.email)
        allow(owner, "members", 1)
        refused(guest.api.post("/api/v1/invitations/accept", {"token": token}), 402, "quota_exceeded")
        allow(owner, "members", 2)
        assert guest.api.post("/api/v1/invitations/accept", {"token": token}).status_code == 200
        assert usage(owner)["members"]["used"] == 2

    def test_who_leave_make_room(self) -> None:
        owner = journey.sign_up()
        guest = invitations.join(owner)
        assert usage(owner)["members"]["used"] == 2
        path = f"/api/v1/organizations/{owner.organization_id}/members/{guest.user_id}"
        assert guest.api.delete(path).status_code == 204
        assert usage(owner)["members"]["used"] == 1


class TestLicenses:
    def test_above_the_plans_number_are_not_sold(self) -> None:
        customer = journey.sign_up()
        as_owner(
            "update organizations_quota set used = 1 where organization_id = %s and name = 'licenses'",
            customer.organization_id,
        )
        answer = customer.api.post("/api/v1/checkout/session", {"plan_id": "starter"})
        refused(answer, 402, "quota_exceeded")
        assert answer.json()["quota"] == "licenses"
        assert customer.api.post("/api/v1/checkout/session", {"plan_id": "pro"}).status_code == 201


class TestRequests:
    @pytest.fixture(autouse=True)
    def limits_on(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Switch the limits on, and stop the limiter's clock."""
        now = time.time()
        monkeypatch.setattr(django_ratelimit.core, "time", SimpleNamespace(time=lambda: now))
        with override_settings(RATELIMIT_ENABLE=True):
            yield

    def test_are_counted_for_all_members_together_and_refused_by_name(self) -> None:
        ada, eve = journey.sign_up(), journey.sign_up()
        allow(ada, "requests_per_minute", 4)
        assert [usage(ada)["requests_per_minute"]["used"] for _ in range(3)] == [1, 2, 3]
        assert ada.api.get("/api/v1/licenses").status_code == 200
        answer = ada.api.get("/api/v1/licenses")
        refused(answer, 429, "rate_limited")
        assert (answer.json()["quota"], answer.json()["limit"]) == ("requests_per_minute", 4)
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert eve.api.get("/api/v1/licenses").status_code == 200, "another organization's are its own"
        assert ada.api.get("/api/v1/auth/me").status_code == 200, "and so are those about no organization"

    def test_do_not_keep_machines_from_their_seats(self) -> None:
        made = journey.licensed()
        allow(made.customer, "requests_per_minute", 0)
        body = {"license_key": made.license_key, "hardware_id": "machine-0001"}
        seat = made.customer.api.post("/api/v1/licenses/acquire", body)
        assert seat.status_code == 201
        told = {name: seat.json()[name] for name in ("session_id", "signed_token")}
        assert made.customer.api.post("/api/v1/licenses/heartbeat", told).status_code == 200

    def test_let_through_without_redis(self) -> None:
        customer = journey.sign_up()
        allow(customer, "requests_per_minute", 0)
        refused(customer.api.get("/api/v1/licenses"), 429, "rate_limited")
        servers.current().redis.kill()
        try:
            assert customer.api.get("/api/v1/licenses").status_code == 200
            assert usage(customer)["requests_per_minute"]["used"] is None
        finally:
            servers.current().redis.start()
            breaker.reset()

    def test_of_one_caller_are_limited_on_every_route_without_limits_of_its_own(self) -> None:
        api = APIClient(REMOTE_ADDR="192.0.2.7")
        answers = [api.get("/api/v1/plans").status_code for _ in range(601)]
        assert answers == [200] * 600 + [429]
        assert APIClient(REMOTE_ADDR="192.0.2.8").get("/api/v1/plans").status_code == 200
