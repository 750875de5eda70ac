"""Runs background jobs until told to stop (SIGTERM lets running jobs end)."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.kernel import metrics_page, tasks
from config.kernel.checks import refuse_strong_role


class Command(BaseCommand):
    """Start a worker; run as many as there is work for."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse a database role that could see over the walls, then work; show its metrics where it is told to."""
        refuse_strong_role()
        if settings.WORKER_METRICS_ADDRESS:
            metrics_page.serve(settings.WORKER_METRICS_ADDRESS)
        tasks.run_worker()
