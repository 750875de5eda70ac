"""Backs up the wrapped data keys, which dumps of the database leave out, and removes backups that are too old."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from organizations.services import key_backups


class Command(BaseCommand):
    """Run it at least as often as the database is dumped, after the dump; into a place that keeps no old versions."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the folder."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Write one backup and name it, then remove what is older than KEY_BACKUP_DAYS."""
        self.stdout.write(f"wrote {key_backups.back_up(folder=options['folder'])}")
        for path in key_backups.prune(folder=options["folder"]):
            self.stdout.write(f"removed {path}")
