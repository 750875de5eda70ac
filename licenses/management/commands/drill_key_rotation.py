"""Plays the rotation of a signing key through, on a copy of the keys, and says what holds at each step."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kernel.keyring import Purpose
from licenses.errors import LicenseNotFound
from licenses.services import rotation_drill
from licenses.services.rotation_drill import DrillFailed


class Command(BaseCommand):
    """Changes no key of the deployment; ends with an error at the first step that does not hold."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the purpose whose key is rotated."""
        parser.add_argument("--purpose", choices=[*map(str, Purpose)], default=str(Purpose.LICENSE_FILE))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line a step."""
        try:
            for number, told in enumerate(rotation_drill.play(purpose=Purpose(options["purpose"])), start=1):
                self.stdout.write(f"{number}. {told}")
                self.stdout.flush()
        except DrillFailed as failure:
            raise CommandError(f"the drill failed: {failure}") from failure
        except LicenseNotFound:
            raise CommandError("there is no licence yet that a file could be signed of") from None
        self.stdout.write("the drill went well")
