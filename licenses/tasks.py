"""Background jobs of the licenses app."""

from uuid import UUID

from config.kernel.tasks import task
from licenses.services import issuing


@task("licenses.apply_subscription")
def apply_subscription(organization_id: str, subscription_id: str) -> None:
    """Bring a licence to what its subscription asks for."""
    issuing.apply_subscription(organization_id=UUID(organization_id), subscription_id=UUID(subscription_id))
