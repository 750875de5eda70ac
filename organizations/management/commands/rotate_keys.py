"""Rotates keys: those that sign (--purpose), the one that wraps data keys (--data-keys), data keys (--organization)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kernel import key_rotation as signing
from config.kernel import platform_keys
from config.kernel.key_files import USUAL_LEAD
from config.kernel.keyring import Purpose
from organizations.errors import OrganizationNotFound
from organizations.services import key_rotation

ALL = "all"


class Command(BaseCommand):
    """Nobody is logged out by any of it, and each may be run again; docs/operations/keys.md says when to run which."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to rotate; several at once are done in the order of this list."""
        parser.add_argument("--purpose", choices=[*map(str, Purpose), ALL], help="a new signing key")
        parser.add_argument("--data-keys", action="store_true", help="a new key-encryption key; data keys wrapped anew")
        parser.add_argument("--organization", metavar="ID", help="a new data key of this organization, or of all")
        parser.add_argument("--platform", action="store_true", help="a new data key of the platform's short secrets")
        parser.add_argument(
            "--prune", action="store_true", help="with --purpose or --data-keys: make none, remove what is not needed"
        )
        parser.add_argument(
            "--lead",
            type=int,
            default=int(USUAL_LEAD.total_seconds()),
            metavar="SECONDS",
            help="how long a new key is published before it is used (%(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for."""
        lead = timedelta(seconds=options["lead"])
        if not any(options[name] for name in ("purpose", "data_keys", "organization", "platform")):
            raise CommandError("say what to rotate: --purpose, --data-keys, --organization or --platform")
        try:
            if options["purpose"]:
                self._signing_keys(options["purpose"], lead, prune=options["prune"])
            if options["data_keys"]:
                self._key_encryption_key(lead, prune=options["prune"])
        except signing.LeadTooShort as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            told = f"KEYS_DIR cannot be written here ({error.strerror}); see docs/operations/keys.md"
            raise CommandError(told) from error
        if options["organization"]:
            self._data_keys(options["organization"])
        if options["platform"]:
            self.stdout.write(f"the platform's data key has version {platform_keys.rotate()}")

    def _signing_keys(self, asked: str, lead: timedelta, *, prune: bool) -> None:
        for purpose in Purpose if asked == ALL else [Purpose(asked)]:
            if not prune:
                self.stdout.write(f"{purpose}: {signing.rotate(purpose, lead=lead).name} signs from then on")
                continue
            for path in signing.prune(purpose):
                self.stdout.write(f"{purpose}: removed {path.name}")
            for path, until in signing.removable(purpose):
                if path.exists():
                    told = f"until {until:%Y-%m-%dT%H:%M:%SZ}" if until else "for ever"
                    self.stdout.write(f"{purpose}: {path.name} is needed {told}")

    def _key_encryption_key(self, lead: timedelta, *, prune: bool) -> None:
        if prune:
            for path in key_rotation.prune_key_encryption_keys():
                self.stdout.write(f"removed {path.name}")
            return
        made = key_rotation.new_key_encryption_key(lead=lead)
        if made is not None:
            self.stdout.write(f"{made.name} wraps from then on; the worker wraps data keys anew within the hour after")
        done, failed = key_rotation.rewrap()
        self.stdout.write(f"wrapped {done} data keys anew")
        if failed:
            raise CommandError(f"{failed} data keys do not open; see the log")

    def _data_keys(self, asked: str) -> None:
        try:
            chosen = key_rotation.list_open_organizations() if asked == ALL else [UUID(asked)]
            for organization_id in chosen:
                key_rotation.begin_version(organization_id=organization_id)
        except (ValueError, OrganizationNotFound) as error:
            raise CommandError(f"{asked} is no organization that is open") from error
        self.stdout.write(f"{len(chosen)} organizations have a new data key; the worker encrypts their values anew")
