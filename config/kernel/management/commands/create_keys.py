"""Makes the first signing key of each purpose that has none, and the key-encryption key of tenant data."""

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel import key_files, keyring
from config.kernel.key_encryption import files


class Command(BaseCommand):
    """Fill KEYS_DIR; what is there already is left alone."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Write what is missing and name it."""
        for path in keyring.create_missing():
            self.stdout.write(f"created {path}")
        if not key_files.list_files(files.folder(), files.SUFFIX):
            self.stdout.write(f"created {files.create()}")
