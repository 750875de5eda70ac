"""Customers with a licence, without the way through Checkout, which other tests walk."""

from typing import Any
from uuid import UUID

from config.kernel import clock
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses.models import License
from licenses.services import issuing
from subscriptions.models import Plan, Subscription
from tests.journey import Customer, Licensed, sign_up


def licensed(*, customer: Customer | None = None, plan: str = "starter", **columns: Any) -> Licensed:
    """Return a customer with an issued licence; `columns` are then set on its row."""
    customer = customer or sign_up()
    organization_id = UUID(customer.organization_id)
    subscription_id = new_id()
    with organization_context(organization_id):
        Subscription.objects.create(
            id=subscription_id,
            organization_id=organization_id,
            plan=Plan.objects.get(slug=plan),
            stripe_subscription_id=f"sub_{subscription_id.hex}",
            stripe_customer_id=f"cus_{organization_id.hex}",
            status="active",
            stripe_fetched_at=clock.now(),
        )
    issuing.apply_subscription(organization_id=organization_id, subscription_id=subscription_id)
    (found,) = customer.api.get("/api/v1/licenses").json()["results"]
    made = Licensed(customer, found["id"], found["license_key"])
    if columns:
        change(made, **columns)
    return made


def change(made: Licensed, **columns: Any) -> None:
    """Set columns of a licence."""
    with organization_context(UUID(made.customer.organization_id)):
        assert License.objects.filter(id=made.license_id).update(**columns) == 1
