"""Makes sure that the billing portal is set up at Stripe as our customers shall find it; part of each deployment."""

from typing import Any

from django.core.management.base import BaseCommand

from subscriptions.services import portal


class Command(BaseCommand):
    """Sync the billing portal's configuration."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Sync and name it."""
        self.stdout.write(f"billing portal: {portal.sync_with_stripe()}")
