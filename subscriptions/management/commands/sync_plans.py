"""Makes sure that each plan has its price at Stripe; part of each deployment."""

from typing import Any

from django.core.management.base import BaseCommand

from subscriptions.services import plans


class Command(BaseCommand):
    """Sync the price list; one that is in order is left alone."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Sync and name what changed."""
        changed = plans.sync_with_stripe()
        for plan in changed:
            self.stdout.write(f"{plan.name}: {plan.stripe_price_id}")
        self.stdout.write(f"{len(changed)} prices were set")
