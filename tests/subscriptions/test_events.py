"""What becomes of Stripe's news: applied once, in whatever order it comes, and never lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import pytest

from subscriptions.services import webhooks
from tests import journey, stripe_account
from tests.api.beneath import as_owner, at_once
from tests.jobs import as_role, run_jobs
from tests.plugins import servers
from tests.subscriptions.stripe_side import anew, call, only, pay, subscription_of, tell

pytestmark = pytest.mark.usefixtures("db")

PAID = ("checkout.session.completed", "customer.subscription.created", "invoice.paid")


def events() -> list[Any]:
    """Return every stored event's type, status and attempts, as it came."""
    return as_owner("select event_type, status, attempts from subscriptions_webhookevent order by id")


def licenses() -> list[Any]:
    """Return every licence's status."""
    return [row[0] for row in as_owner("select status from licenses_license")]


def make_due() -> None:
    """Let the pause pass that a failed event is given, and let the sweep find it."""
    as_owner("update subscriptions_webhookevent set next_attempt_at = now() where status <> 'completed'")
    with as_role("worker"):
        webhooks.sweep()
    run_jobs()


@contextmanager
def unknown_price() -> Iterator[None]:
    """Let no plan have the price that was bought; plans outlive a test, so theirs is put back."""
    as_owner("update subscriptions_planprice set stripe_price_id = stripe_price_id || '_other'")
    try:
        yield
    finally:
        as_owner("update subscriptions_planprice set stripe_price_id = replace(stripe_price_id, '_other', '')")


class TestLicence:
    def test_is_issued_once_in_every_order_and_doubled(self) -> None:
        orders = list(permutations(PAID))
        for number, order in enumerate(orders):
            _, told = pay(journey.sign_up())
            for event in only(told, *order):
                tell(*([event, anew(event)] if number % 3 == 0 else [event]))
        run_jobs()
        assert licenses() == ["active"] * len(orders)
        assert {status for _, status, _ in events()} == {"completed"}
        assert as_owner("select status from subscriptions_checkoutsession") == [("completed",)] * len(orders)
        for kind in ("license_issued", "subscription_confirmed"):
            sent = as_owner(
                "select count(*), count(distinct organization_id) from emails_emaillog where kind = %s", kind
            )
            assert sent == [(len(orders), len(orders))], kind
        issued = as_owner("select count(*) from users_auditentry where action = 'LICENSE_ISSUED'")
        assert issued == [(len(orders),)]

    def test_is_issued_once_by_workers_that_apply_all_its_news_at_once(self) -> None:
        _, told = pay(journey.sign_up())
        tell(*told, *(anew(event) for event in told))
        ids = [row[0] for row in as_owner("select id from subscriptions_webhookevent")]
        with as_role("worker"):
            at_once(len(ids), lambda index: webhooks.process(event_id=ids[index]))
        run_jobs()
        make_due()
        assert licenses() == ["active"]
        assert as_owner("select count(*) from subscriptions_subscription") == [(1,)]
        assert {status for _, status, _ in events()} == {"completed"}

    def test_ends_with_its_subscription_and_is_not_revived_by_older_news(self) -> None:
        customer = journey.sign_up()
        _, told = pay(customer)
        tell(*told)
        run_jobs()
        (license_,) = customer.api.get("/api/v1/licenses").json()["results"]
        body = {"license_key": license_["license_key"], "hardware_id": "machine-0001"}
        seat = customer.api.post("/api/v1/licenses/acquire", body).json()
        call("DELETE", f"subscriptions/{subscription_of(told)}")
        tell(*stripe_account.new_events())
        run_jobs()
        assert licenses() == ["inactive"]
        assert as_owner("select end_reason from licenses_licensesession") == [("license_ended",)]
        beat = {"session_id": seat["session_id"], "signed_token": seat["signed_token"]}
        assert customer.api.post("/api/v1/licenses/heartbeat", beat).status_code == 410
        tell(*(anew(event) for event in told))
        run_jobs()
        assert licenses() == ["inactive"]
        assert as_owner("select status from subscriptions_subscription") == [("canceled",)]
        assert customer.api.post("/api/v1/licenses/acquire", body).json()["errors"][0]["code"] == "license_inactive"


class TestOrder:
    def test_what_was_asked_for_before_others_had_their_answer_is_not_written_but_asked_again(self) -> None:
        _, told = pay(journey.sign_up())
        tell(*told)
        run_jobs()
        as_owner("update subscriptions_subscription set status = 'past_due', quantity = 7, "
                 "stripe_fetched_at = now() + interval '1 hour'")  # fmt: skip
        tell(anew(told[-1]))
        run_jobs()
        assert as_owner("select status, quantity from subscriptions_subscription") == [("past_due", 7)]
        assert {status for _, status, _ in events()} == {"completed", "pending"}
        as_owner("update subscriptions_subscription set stripe_fetched_at = now()")
        make_due()
        assert as_owner("select status, quantity from subscriptions_subscription") == [("trialing", 1)]
        assert {status for _, status, _ in events()} == {"completed"}

    def test_an_end_is_never_taken_back_not_even_by_stripe(self) -> None:
        _, told = pay(journey.sign_up())
        tell(*told)
        run_jobs()
        as_owner("update subscriptions_subscription set status = 'canceled'")
        as_owner("update licenses_license set status = 'inactive'")
        tell(*(anew(event) for event in told))
        run_jobs()
        assert as_owner("select status from subscriptions_subscription") == [("canceled",)]
        assert licenses() == ["inactive"]

    def test_what_an_event_says_itself_is_not_believed_but_asked_for(self) -> None:
        _, told = pay(journey.sign_up())
        (created,) = only(told, "customer.subscription.created")
        lie = {**created["data"]["object"], "status": "canceled", "quantity": 99}
        tell(anew(created, data={"object": lie}))
        run_jobs()
        assert as_owner("select status, quantity from subscriptions_subscription") == [("trialing", 1)]


class TestFailure:
    @pytest.fixture
    def told(self) -> list[Any]:
        """Return what Stripe tells of a purchase that only the licence's plan is missing for."""
        return pay(journey.sign_up())[1]

    def test_sets_the_event_back_and_leaves_it_failed_and_visible_in_the_end(self, told: list[Any]) -> None:
        with unknown_price():
            self.fail_for_good(told)
        make_due()
        assert events() == [("invoice.paid", "failed", 14)]
        assert licenses() == []

    def fail_for_good(self, told: list[Any]) -> None:
        """Let every attempt fail, the last of which is the fourteenth."""
        tell(*only(told, "invoice.paid"))
        run_jobs()
        ((error, waits),) = as_owner(
            "select error, next_attempt_at - now() between interval '50 seconds' and interval '60 seconds' "
            "from subscriptions_webhookevent"
        )
        assert events() == [("invoice.paid", "pending", 1)]
        assert "no plan has the price" in error
        assert waits
        for attempts in (2, 3):
            make_due()
            assert events() == [("invoice.paid", "pending", attempts)]
        as_owner("update subscriptions_webhookevent set attempts = 13")
        make_due()
        assert events() == [("invoice.paid", "failed", 14)]

    def test_is_made_good_once_its_cause_is_gone(self, told: list[Any]) -> None:
        with unknown_price():
            tell(*only(told, "invoice.paid"))
            run_jobs()
        make_due()
        assert events() == [("invoice.paid", "completed", 2)]
        assert as_owner("select error from subscriptions_webhookevent") == [("",)]
        assert licenses() == ["active"]

    def test_of_an_unknown_customer_is_kept(self, told: list[Any]) -> None:
        call("POST", f"subscriptions/{subscription_of(told)}", **{"metadata[organization_id]": ""})
        as_owner("update organizations_organization set stripe_customer_id = 'cus_other'")
        tell(*only(told, "invoice.paid"))
        run_jobs()
        assert events() == [("invoice.paid", "pending", 1)]
        assert "no organization has the customer" in as_owner("select error from subscriptions_webhookevent")[0][0]
        assert licenses() == []

    def test_of_a_subscription_that_stripe_does_not_know_is_kept(self, told: list[Any]) -> None:
        (created,) = only(told, "customer.subscription.created")
        tell(anew(created, data={"object": {"id": "sub_invented"}}))
        run_jobs()
        assert events() == [("customer.subscription.created", "pending", 1)]
        assert "NotAtStripe: resource_missing" in as_owner("select error from subscriptions_webhookevent")[0][0]

    def test_of_stripe_itself_sets_the_event_back(self, told: list[Any], settings: Any) -> None:
        tell(*only(told, "invoice.paid"))
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        run_jobs()
        assert events() == [("invoice.paid", "pending", 1)]
        settings.STRIPE_API_BASE = servers.current().stripe_url
        make_due()
        assert licenses() == ["active"]

    def test_of_a_worker_that_died_is_taken_up_by_the_next(self, told: list[Any]) -> None:
        tell(*only(told, "invoice.paid"))
        as_owner("update subscriptions_webhookevent set status = 'processing', attempts = 1, "
                 "next_attempt_at = now() + interval '2 minutes'")  # fmt: skip
        run_jobs()
        assert events() == [("invoice.paid", "processing", 1)]
        make_due()
        assert events() == [("invoice.paid", "completed", 2)]

    def test_of_every_worker_that_took_it_is_set_aside_in_the_end(self, told: list[Any]) -> None:
        tell(*only(told, "invoice.paid"))
        as_owner("update subscriptions_webhookevent set status = 'processing', attempts = 13")
        make_due()
        assert events() == [("invoice.paid", "completed", 14)]
        as_owner("update subscriptions_webhookevent set status = 'processing', attempts = 14")
        make_due()
        assert events() == [("invoice.paid", "failed", 14)]
        assert "the worker died" in as_owner("select error from subscriptions_webhookevent")[0][0]

    def test_of_news_about_nothing_of_ours_is_no_failure(self) -> None:
        news = {"created": 1, "livemode": False, "api_version": None}
        tell(anew(news, type="payout.paid", data={"object": {"id": "po_1"}}),
             anew(news, type="unheard.of", data={"object": {}}),
             anew(news, type="invoice.paid", data={"object": {"id": "in_1", "lines": None, "parent": None}}),
             anew(news, type="checkout.session.completed", data={"object": {"id": "cs_1", "subscription": None}}),
             anew(news, type="checkout.session.expired", data={"object": {"id": "cs_unknown"}}))  # fmt: skip
        run_jobs()
        assert [(status, attempts) for _, status, attempts in events()] == [("completed", 1)] * 5

    def test_of_a_malformed_object_is_kept_for_a_person(self) -> None:
        news = {"created": 1, "livemode": False}
        tell(anew(news, type="checkout.session.expired", data={"object": {}}),
             anew(news, type="invoice.paid", data={"object": {"parent": [1]}}))  # fmt: skip
        run_jobs()
        assert [(status, attempts) for _, status, attempts in events()] == [("pending", 1)] * 2


class TestExpiredCheckout:
    def test_is_marked_expired_but_never_after_it_was_paid(self) -> None:
        _, told = pay(journey.sign_up())
        (completed,) = only(told, "checkout.session.completed")
        expired = anew(completed, type="checkout.session.expired")
        tell(expired)
        run_jobs()
        assert as_owner("select status from subscriptions_checkoutsession") == [("expired",)]
        tell(completed)
        run_jobs()
        tell(anew(expired))
        run_jobs()
        assert as_owner("select status from subscriptions_checkoutsession") == [("completed",)]
