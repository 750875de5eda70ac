"""Prints the text of `.env.example`."""

from typing import Any

from django.core.management.base import BaseCommand

from config import env


class Command(BaseCommand):
    """Print every setting with its purpose and default."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the file."""
        self.stdout.write(env.example(), ending="")
