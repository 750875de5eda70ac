"""`manage.py allow_overage LICENSE_ID --seats N --percent P`: let a licence lease seats beyond those it bought."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from licenses.errors import LicenseNotFound
from licenses.services import overage


class Command(BaseCommand):
    """For staff: customers cannot give themselves seats."""

    help = "Let a licence lease so many seats, or so many hundredths of those it bought, beyond them; 0 and 0 for none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the licence and what it is allowed."""
        parser.add_argument("license_id", type=UUID)
        parser.add_argument("--seats", type=int, default=0)
        parser.add_argument("--percent", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        """Allow it."""
        if not (0 <= options["seats"] <= overage.MOST_SEATS and 0 <= options["percent"] <= overage.MOST_PERCENT):
            raise CommandError(f"--seats 0 to {overage.MOST_SEATS}, --percent 0 to {overage.MOST_PERCENT}")
        try:
            limit = overage.allow(license_id=options["license_id"], seats=options["seats"], percent=options["percent"])
        except LicenseNotFound:
            raise CommandError("There is no such licence.") from None
        self.stdout.write(f"{limit} seats may be leased at once.")
