"""Runs background jobs until told to stop (SIGTERM lets running jobs end)."""

from typing import Any

from django.core.management.base import BaseCommand

from config.kernel import tasks
from config.kernel.checks import refuse_strong_role


class Command(BaseCommand):
    """Start a worker; run as many as there is work for."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse a database role that could see over the walls, then work."""
        refuse_strong_role()
        tasks.run_worker()
