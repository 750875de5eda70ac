"""A customer who changes plans: what they ask, what they and Stripe have, and what it cost them."""

from typing import Any

from tests import journey, stripe_account
from tests.api.raw import quiet
from tests.jobs import run_jobs
from tests.journey import Customer
from tests.subscriptions.journeys import without_trial
from tests.subscriptions.stripe_side import call, tell

STARTER, PRO, ENTERPRISE = 2_900, 9_900, 29_900


def starting(plan: str = "starter") -> Customer:
    """Return a customer who pays for a plan, without a trial."""
    with without_trial():
        customer = journey.sign_up()
        journey.buy(customer, plan=plan)
    quiet(customer.api)
    return customer


def mine(customer: Customer) -> dict[str, Any]:
    """Return the customer's one subscription."""
    (one,) = customer.api.get("/api/v1/subscriptions").json()["results"]
    found: dict[str, Any] = one
    return found


def at_stripe(customer: Customer) -> dict[str, Any]:
    """Return the same as Stripe has it."""
    return call("GET", f"subscriptions/{mine(customer)['stripe_subscription_id']}")


def do(customer: Customer, what: str, **body: Any) -> Any:
    """Ask something of the customer's one subscription."""
    return customer.api.post(f"/api/v1/subscriptions/{mine(customer)['id']}/{what}", body)


def change(customer: Customer, plan: str) -> Any:
    """Ask for another plan."""
    return do(customer, "change-plan", plan_id=plan)


def bills(customer: Customer) -> list[dict[str, Any]]:
    """Return the invoices for changes of plan, newest first."""
    found = call("GET", f"invoices?subscription={mine(customer)['stripe_subscription_id']}&limit=100")["data"]
    return [one for one in found if one["billing_reason"] == "subscription_update"]


def charged(customer: Customer) -> int:
    """Return all that was paid for changes of plan."""
    return sum(one["amount_paid"] for one in bills(customer))


def hear() -> None:
    """Let Stripe tell what happened and the worker apply it."""
    tell(*stripe_account.new_events())
    run_jobs()


def standing(customer: Customer) -> tuple[str, str | None]:
    """Return the plan of the subscription, and the one that it is to become."""
    found = mine(customer)
    return found["plan"]["slug"], found["pending_plan"]
