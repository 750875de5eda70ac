"""What owners and admins do with a licence, a call a function, and what the audit log says of it."""

from typing import Any
from uuid import UUID

from rest_framework.test import APIClient

from config.kernel.tenancy import organization_context
from licenses.services import issuing
from subscriptions.models import Subscription
from tests.api.beneath import as_owner
from tests.api.issued import licensed
from tests.api.raw import quiet
from tests.journey import Licensed


def owned() -> Licensed:
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
