"""Makes the first signing key of each purpose that has none, and the key-encryption key of tenant data."""

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel import envelope, keyring


class Command(BaseCommand):
    """Fill KEYS_DIR; what is there already is left alone."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Write what is missing and name it."""
        for path in keyring.create_missing():
            self.stdout.write(f"created {path}")
        created = envelope.create_missing()
        if created:
            self.stdout.write(f"created {created}")
