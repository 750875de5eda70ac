"""Verifies the audit log: computes every chain anew and names each entry that is not what was sealed."""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from users import checkpoints
from users.chain_walk import Fault
from users.services import audit_verification


class Command(BaseCommand):
    """Exit with 1 when something is wrong, naming it; see docs/audit.md for what each finding means."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take one organization only, and checkpoints that were kept outside of the database."""
        parser.add_argument("--organization", metavar="ID", help="one organization's chain, or `platform`")
        parser.add_argument(
            "--checkpoints", metavar="FILE", type=Path, help="log lines `audit checkpoint`, as the worker wrote them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and report."""
        self.faults = 0
        done = audit_verification.verify(chains=self._chains(options["organization"]), tell=self._tell)
        if options["checkpoints"]:
            self._compare(options["checkpoints"])
        self.stdout.write(f"{done.sealed} sealed entries in {done.chains} chains")
        if done.oldest_unsealed_seconds is not None:
            oldest = f", the oldest for {done.oldest_unsealed_seconds:.0f} s"
            self.stdout.write(f"{done.unsealed} entries not sealed yet{oldest}: these could be changed without a trace")
        if self.faults:
            raise CommandError(f"{self.faults} faults")
        self.stdout.write("no faults")

    def _chains(self, named: str | None) -> list[UUID | None]:
        if named is None:
            return audit_verification.list_chains()
        try:
            return [None if named == "platform" else UUID(named)]
        except ValueError:
            raise CommandError("--organization takes an organization's id, or `platform`") from None

    def _compare(self, file: Path) -> None:
        try:
            with file.open(encoding="utf-8") as lines:
                compared = audit_verification.compare(outside=checkpoints.read(lines), tell=self._tell)
        except (OSError, ValueError) as error:
            raise CommandError(f"{file}: {error}") from error
        self.stdout.write(f"{compared} checkpoints from {file}")

    def _tell(self, fault: Fault) -> None:
        self.faults += 1
        self.stdout.write(str(fault))
