"""A licence with a chosen number of seats, made in milliseconds: how it comes to be sold is tested elsewhere."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses import keys, lookup
from licenses.models import AccessPolicy, License
from organizations.encrypted_text import Sealed
from organizations.models import Organization
from subscriptions.models import Plan, Subscription, SubscriptionStatus
from tests.plugins import servers

Row = tuple[object, ...]


@dataclass(frozen=True)
class SeatedLicense:
    """A licence that whoever holds its key may use."""

    id: UUID
    organization_id: UUID
    key: str

    def change(self, **fields: object) -> None:
        """Change the licence's row, as a renewal or an administrator would; waits for its lock like them."""
        with organization_context(self.organization_id):
            License.objects.filter(id=self.id).update(**fields)


def issue(*, seats: int) -> SeatedLicense:
    """Make an organization that pays for a licence of so many seats."""
    organization_id, key = new_id(), keys.generate()
    plan = Plan.objects.first()
    assert plan is not None
    with organization_context(organization_id):
        organization = Organization.objects.create(
            id=organization_id, name="Analytical Engines", slug=f"engines-{organization_id.hex[-10:]}"
        )
        subscription = Subscription.objects.create(
            organization=organization,
            plan=plan,
            stripe_subscription_id=f"sub_{organization_id.hex}",
            stripe_customer_id=f"cus_{organization_id.hex}",
            status=SubscriptionStatus.ACTIVE,
            stripe_fetched_at=datetime.now(UTC),
        )
        license_ = License.objects.create(
            organization=organization,
            subscription=subscription,
            key_hash=lookup.key_hash(key),
            key=Sealed(b"never shown here"),
            tier=plan.slug,
            max_seats=seats,
            access_policy=AccessPolicy.KEY,
        )
    return SeatedLicense(license_.id, organization_id, key)


def owner_connection() -> psycopg.Connection[Row]:
    """Return a connection as the tables' owner, who sees every organization's rows; each statement commits."""
    return psycopg.connect(servers.current().postgres.url("migrator"), autocommit=True)
