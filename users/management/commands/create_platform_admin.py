"""Creates a platform admin, who sees every organization; an account that exists is left as it is."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models.functions import Now

from users.errors import EmailTaken
from users.models import User
from users.services import accounts


class Command(BaseCommand):
    """Make the account, verified and ready to sign in."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address; the password is asked for, or given by code."""
        parser.add_argument("email")
        parser.add_argument("--password", help="asked for when not given")

    def handle(self, *args: Any, **options: Any) -> str:
        """Create the account and return `created`, or `exists`."""
        password = options["password"] or getpass.getpass("Password: ")
        try:
            user = accounts.create_user(
                email=options["email"], password=password, full_name="Platform Admin", is_platform_admin=True
            )
        except EmailTaken:
            return "exists"
        User.objects.filter(id=user.id).update(email_verified_at=Now())
        return "created"
