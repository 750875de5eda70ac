"""The customer's journey, a step a function: what tests need done before their own subject begins."""

from dataclasses import dataclass
from typing import Any

from rest_framework.test import APIClient

from config.kernel.ids import new_id
from tests import stripe_account
from tests.jobs import run_jobs

PASSWORD = "Correct-Horse-1"


@dataclass(frozen=True)
class Customer:
    """A signed-in owner of an organization."""

    api: APIClient
    email: str
    user_id: str
    organization_id: str
    refresh: str


@dataclass(frozen=True)
class Licensed:
    """A customer with a paid licence."""

    customer: Customer
    license_id: str
    license_key: str


def register(
    api: APIClient,
    *,
    email: str | None = None,
    full_name: str = "Ada Lovelace",
    company_name: str = "Analytical Engines",
) -> dict[str, Any]:
    """Sign up and return the answer."""
    answer = api.post(
        "/api/v1/auth/register",
        {
            "email": email or f"ada-{new_id().hex[-12:]}@example.com",
            "password": PASSWORD,
            "full_name": full_name,
            "company_name": company_name,
        },
    )
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def sign_up(*, email: str | None = None) -> Customer:
    """Sign up, verify and sign in."""
    api = APIClient()
    made = register(api, email=email)
    assert api.get(f"/api/v1/auth/verify-email/{made['verification_token']}").status_code == 200
    tokens = api.post("/api/v1/auth/login", {"email": made["email"], "password": PASSWORD}).json()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    return Customer(api, made["email"], made["user_id"], made["organization_id"], tokens["refresh"])


def buy(customer: Customer, *, plan: str = "starter") -> str:
    """Pay for a plan, let Stripe tell us and the worker apply it; return the Checkout session's id."""
    stripe_account.new_events()
    opened = customer.api.post("/api/v1/checkout/session", {"plan_id": plan})
    assert opened.status_code == 201, opened.content
    stripe_account.act(opened.json()["checkout_url"], "pay")
    for event in stripe_account.new_events():
        assert stripe_account.deliver(APIClient(), event).status_code == 200
    run_jobs()
    session_id: str = opened.json()["session_id"]
    return session_id


def licensed(*, plan: str = "starter") -> Licensed:
    """Sign up and buy."""
    customer = sign_up()
    buy(customer, plan=plan)
    (license_,) = customer.api.get("/api/v1/licenses").json()["results"]
    return Licensed(customer, license_["id"], license_["license_key"])
