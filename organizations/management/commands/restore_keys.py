"""Puts the wrapped data keys of a backup into a restored database; those of closed organizations stay destroyed."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kernel.platform_keys import PlatformKeyDiffers
from organizations.services import key_backups


class Command(BaseCommand):
    """Take the newest backup, and leave it in its folder: later ones beside it tell who was closed since."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file, and whether the backup's platform key goes before the one that is there."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--replace-platform-key",
            action="store_true",
            help="where bootstrap has made a new one already; what was encrypted under that is lost",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, and name the organizations that have to be closed again."""
        try:
            done = key_backups.restore(file=options["file"], replace_platform_key=options["replace_platform_key"])
        except (OSError, ValueError, KeyError) as error:
            raise CommandError(f"this is no backup of keys: {error}") from error
        except PlatformKeyDiffers as error:
            raise CommandError("there is another platform key already; see --replace-platform-key") from error
        self.stdout.write(f"restored {done.keys} keys")
        for organization_id in done.closed:
            self.stdout.write(f"closed since the dump, left without a key, to be closed again: {organization_id}")
