"""Makes a deployment ready to serve: migrates, creates missing keys, syncs plans and portal, makes a first admin."""

import json
import secrets
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from config.kernel import keyring, platform_keys


class Command(BaseCommand):
    """Run as the migrator, before web and worker start; running it again changes nothing that is in order."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the admin's address, and whether to answer in JSON."""
        parser.add_argument("--admin-email", default="admin@coditect.example")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry out the steps; keys are made in local runs only, where losing them costs nothing."""
        call_command("migrate", verbosity=0)
        if settings.CREATE_MISSING_KEYS:
            call_command("create_keys", verbosity=0)
        keyring.refuse_missing()
        platform_keys.create_first()
        call_command("sync_plans")
        call_command("sync_portal")
        password = secrets.token_urlsafe(15) + "aA1"
        made = call_command("create_platform_admin", options["admin_email"], password=password)
        result = {"admin_email": options["admin_email"], "admin_password": password if made == "created" else None}
        if options["json"]:
            self.stdout.write(json.dumps(result))
        elif result["admin_password"]:
            self.stdout.write(f"platform admin {result['admin_email']}, password {password}")
