"""/subscriptions, /invoices and /billing/portal: what a customer sees, ends, keeps, and who may."""

import re
import urllib.parse
import urllib.request
from typing import Any

import pytest

from tests import journey, stripe_account
from tests.api.beneath import as_owner, at_once, join
from tests.api.raw import quiet
from tests.api.refusals import refused
from tests.jobs import run_jobs
from tests.journey import Customer
from tests.query_counts import statements
from tests.subscriptions.stripe_side import call, tell

pytestmark = pytest.mark.usefixtures("db")

NOBODYS = "/api/v1/subscriptions/00000000-0000-7000-8000-000000000000"


@pytest.fixture
def ada(db: None) -> Customer:
    """Return a customer with a plan that began with a trial."""
    customer = journey.sign_up()
    journey.buy(customer)
    return customer


def mine(customer: Customer) -> dict[str, Any]:
    """Return the customer's one subscription as it is listed."""
    (one,) = customer.api.get("/api/v1/subscriptions").json()["results"]
    found: dict[str, Any] = one
    return found


def do(customer: Customer, what: str, **body: Any) -> Any:
    """Ask something of the customer's one subscription."""
    return customer.api.post(f"/api/v1/subscriptions/{mine(customer)['id']}/{what}", body)


def hear(_: Any = None) -> list[str]:
    """Let Stripe tell what happened and the worker apply it; return the types of what was told."""
    told = stripe_account.new_events()
    tell(*told)
    run_jobs()
    return [event["type"] for event in told]


class TestShow:
    def test_tells_one_as_the_list_does(self, ada: Customer) -> None:
        listed = mine(ada)
        assert ada.api.get(f"/api/v1/subscriptions/{listed['id']}").json() == listed
        assert (listed["status"], listed["cancel_at_period_end"], listed["cancel_at"]) == ("trialing", False, None)

    def test_of_nobodys_or_anothers_is_not_found(self, ada: Customer) -> None:
        eve = journey.sign_up()
        theirs = f"/api/v1/subscriptions/{mine(ada)['id']}"
        for address in (NOBODYS, theirs):
            refused(eve.api.get(address), 404, "subscription_not_found")
            for what in ("cancel", "resume"):
                refused(eve.api.post(f"{address}/{what}"), 404, "subscription_not_found")
        assert hear() == []


class TestCancel:
    def test_ends_it_with_its_period_unless_told_otherwise_and_can_be_taken_back(self, ada: Customer) -> None:
        ending = do(ada, "cancel")
        assert (ending.status_code, ending.json()["cancel_at_period_end"]) == (200, True)
        assert ending.json()["cancel_at"] == ending.json()["current_period_end"]
        run_jobs()
        assert mine(ada) == ending.json(), "the worker looks at once, whether or not an event comes"
        kept = do(ada, "resume")
        assert (kept.status_code, kept.json()["cancel_at_period_end"], kept.json()["cancel_at"]) == (200, False, None)
        hear()
        assert (mine(ada)["cancel_at_period_end"], mine(ada)["status"]) == (False, "trialing")

    def test_at_once_ends_the_licence_and_cannot_be_taken_back(self, ada: Customer) -> None:
        ended = do(ada, "cancel", at_period_end=False)
        assert (ended.status_code, ended.json()["status"]) == (200, "canceled")
        refused(do(ada, "resume"), 409, "subscription_ended")
        hear()
        (license_,) = ada.api.get("/api/v1/licenses").json()["results"]
        assert (license_["status"], license_["usable"]) == ("inactive", False)
        refused(do(ada, "resume"), 409, "subscription_ended")

    @pytest.mark.parametrize("at_period_end", [True, False])
    def test_twice_or_by_five_at_once_is_once(self, ada: Customer, at_period_end: bool) -> None:
        stripe_account.new_events()
        for answer in at_once(5, lambda _: do(ada, "cancel", at_period_end=at_period_end)):
            assert (answer.status_code, answer.json()["status"] == "canceled") == (200, not at_period_end)
        told = hear()
        assert told.count("customer.subscription.deleted") == (0 if at_period_end else 1)
        again = do(ada, "cancel", at_period_end=at_period_end)
        assert (again.status_code, again.json()) == (200, mine(ada))

    def test_mails_the_owners_once_and_is_written_down_with_who_asked(self, ada: Customer) -> None:
        do(ada, "cancel")
        hear()
        assert as_owner("select count(*) from emails_emaillog where kind = 'subscription_canceled'") == [(1,)]
        (entry,) = ada.api.get("/api/v1/audit?action=SUBSCRIPTION_CANCEL_REQUESTED").json()["results"]
        assert (entry["actor_id"], entry["object_id"]) == (ada.user_id, mine(ada)["id"])

    def test_as_the_portal_does_it_is_taken_back_here(self, ada: Customer) -> None:
        stripe_id = mine(ada)["stripe_subscription_id"]
        call("POST", f"subscriptions/{stripe_id}", cancel_at=str(4_000_000_000))
        hear()
        assert mine(ada)["cancel_at_period_end"] is True
        assert do(ada, "resume").json()["cancel_at"] is None
        hear()
        assert mine(ada)["cancel_at_period_end"] is False

    @pytest.mark.parametrize(("role", "status"), [("admin", 403), ("member", 403), ("billing", 200)])
    def test_is_for_owner_and_billing_only(self, ada: Customer, role: str, status: int) -> None:
        colleague = journey.sign_up()
        join(ada.organization_id, colleague.user_id, role)
        address, headers = f"/api/v1/subscriptions/{mine(ada)['id']}", {"X-Organization": ada.organization_id}
        assert colleague.api.get(address, headers=headers).status_code == 200
        for what in ("cancel", "resume"):
            assert colleague.api.post(f"{address}/{what}", headers=headers).status_code == status

    def test_is_503_while_stripe_is_away_and_changes_nothing(self, ada: Customer, settings: Any) -> None:
        quiet(ada.api)
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        for what in ("cancel", "resume"):
            answer = do(ada, what)
            refused(answer, 503, "payment_provider_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        assert mine(ada)["cancel_at_period_end"] is False


class TestInvoices:
    def test_are_listed_newest_first_with_number_and_paper(self, ada: Customer) -> None:
        (one,) = ada.api.get("/api/v1/invoices").json()["results"]
        assert (one["status"], one["currency"], one["amount_paid"]) == ("paid", "usd", 0)
        assert one["number"]
        assert one["hosted_invoice_url"].startswith("http")
        assert one["subscription_id"] == mine(ada)["id"]

    def test_of_another_are_not_shown(self, ada: Customer) -> None:
        assert journey.sign_up().api.get("/api/v1/invoices").json()["results"] == []


class TestPortal:
    def test_is_opened_for_who_has_bought(self, ada: Customer) -> None:
        answer = ada.api.post("/api/v1/billing/portal")
        assert (answer.status_code, "/p/session/" in answer.json()["portal_url"]) == (201, True)

    def test_ends_it_with_its_period_and_offers_no_other_plan(self, ada: Customer) -> None:
        url = ada.api.post("/api/v1/billing/portal").json()["portal_url"]
        with urllib.request.urlopen(url, timeout=5) as page:
            buttons = re.findall(r'name="action" value="(\w+)"', page.read().decode())
        assert sorted(buttons) == ["cancel", "card"]
        form = urllib.parse.urlencode({"action": "cancel", "subscription": mine(ada)["stripe_subscription_id"]})
        urllib.request.urlopen(url, form.encode(), timeout=5).close()
        hear()
        assert (mine(ada)["status"], mine(ada)["cancel_at"]) == ("trialing", mine(ada)["current_period_end"])

    @pytest.mark.parametrize("stripe_id", ["bpc_gone", None])
    def test_is_503_as_long_as_it_is_not_set_up(self, ada: Customer, stripe_id: str | None) -> None:
        ((known,),) = as_owner("select stripe_id from subscriptions_stripeobject")
        as_owner("update subscriptions_stripeobject set stripe_id = coalesce(%s, ''), name = %s", stripe_id,
                 "billing_portal" if stripe_id else "none")  # fmt: skip
        try:
            refused(quiet(ada.api).post("/api/v1/billing/portal"), 503, "payment_provider_unavailable")
        finally:
            as_owner("update subscriptions_stripeobject set stripe_id = %s, name = 'billing_portal'", known)

    def test_is_refused_before_anything_was_bought(self) -> None:
        customer = journey.sign_up()
        run_jobs()
        refused(quiet(customer.api).post("/api/v1/billing/portal"), 409, "no_subscription")

    def test_leads_back_to_allowed_origins_only(self, ada: Customer, settings: Any) -> None:
        quiet(ada.api)
        settings.CHECKOUT_REDIRECT_ORIGINS = ["https://app.coditect.example"]
        evil = ada.api.post("/api/v1/billing/portal", {"return_url": "https://evil.example/"})
        refused(evil, 400, "redirect_not_allowed", "return_url")
        good = ada.api.post("/api/v1/billing/portal", {"return_url": "https://app.coditect.example/billing"})
        assert good.status_code == 201

    def test_is_503_while_stripe_is_away(self, ada: Customer, settings: Any) -> None:
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        refused(quiet(ada.api).post("/api/v1/billing/portal"), 503, "payment_provider_unavailable")


class TestStatements:
    def test_of_billing_routes(self, ada: Customer) -> None:
        address = f"/api/v1/subscriptions/{mine(ada)['id']}"
        with statements(4):
            ada.api.get(address)
        with statements(5):
            ada.api.get("/api/v1/invoices")
        with statements(6):
            ada.api.post("/api/v1/billing/portal")
        with statements(7):
            ada.api.post(f"{address}/cancel")
        with statements(7):
            ada.api.post(f"{address}/resume")
