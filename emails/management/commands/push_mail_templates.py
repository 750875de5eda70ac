"""`manage.py push_mail_templates`: SendGrid's dynamic templates become what ours are; prints SENDGRID_TEMPLATES."""

import json
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from emails.errors import ProviderUnavailable
from emails.providers import sendgrid_templates


class Command(BaseCommand):
    """Pushes every kind of mail; running it again changes nothing."""

    help = "Create or update SendGrid's dynamic templates from ours, and print the setting that uses them."

    def handle(self, *args: Any, **options: Any) -> None:
        """Push, telling on stderr what is done, and print the setting."""
        try:
            ids = sendgrid_templates.push(tell=self.stderr.write)
        except (ProviderUnavailable, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"SENDGRID_TEMPLATES={json.dumps(ids)}")
