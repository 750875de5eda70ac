"""Compares our billing with Stripe's now: fetches missed events, and repairs (or only reports) what differs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from subscriptions.services import event_sweep, reconcile


class Command(BaseCommand):
    """Reconcile, or only report."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Let a person look before anything is changed."""
        parser.add_argument("--report", action="store_true", help="change nothing, only say what differs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare and print a line for each difference."""
        if not options["report"]:
            swept = event_sweep.sweep()
            self.stdout.write(f"events: {swept.looked_at} at Stripe, {swept.differences} had not reached us")
        run = reconcile.compare(repair=not options["report"])
        self.stdout.write(f"subscriptions: {run.looked_at} at Stripe, {run.differences} differences")
        for line in run.report:
            self.stdout.write("{subscription} {field}: {ours} here, {theirs} at Stripe: {outcome}".format(**line))
