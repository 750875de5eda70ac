"""Ends the licences of an organization that was closed."""

from uuid import UUID

from config.kernel.tenancy import organization_context
from licenses.models import License
from licenses.services import issuing


def end_licenses(*, organization_id: UUID) -> None:
    """Bring each licence to what it is without an organization: ended, with its leases. Again changes nothing."""
    with organization_context(organization_id):
        subscriptions = list(License.objects.order_by("id").values_list("subscription_id", flat=True))
    for subscription_id in subscriptions:
        issuing.apply_subscription(organization_id=organization_id, subscription_id=subscription_id)
