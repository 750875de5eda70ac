"""Shows the events that could not be applied, and has them applied again: `replay_webhooks [--all | EVENT...]`."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from subscriptions.errors import WebhookEventForgotten, WebhookEventNotFound
from subscriptions.models import WebhookEvent
from subscriptions.services import webhooks


class Command(BaseCommand):
    """Replay; without arguments it only lists."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take events by Stripe's id, or all that failed; and who asks, for the audit log."""
        parser.add_argument("events", nargs="*", metavar="EVENT", help="id at Stripe (evt_…)")
        parser.add_argument("--all", action="store_true", help="every event that was set aside")
        parser.add_argument("--actor", type=UUID, help="id of the platform admin who asks")

    def handle(self, *args: Any, **options: Any) -> None:
        """List what failed, or queue what was asked for."""
        failed = webhooks.list_failed()
        if not options["events"] and not options["all"]:
            for event in failed:
                self.stdout.write(f"{event.stripe_event_id} {event.event_type} {event.attempts} times: {event.error}")
            self.stdout.write(f"{len(failed)} events were set aside")
            return
        wanted = failed if options["all"] else [self._find(stripe_id) for stripe_id in options["events"]]
        for event in wanted:
            try:
                webhooks.replay(event_id=event.id, actor_id=options["actor"])
            except WebhookEventForgotten as error:
                raise CommandError(f"{event.stripe_event_id}: {error.message}") from error
            self.stdout.write(f"{event.stripe_event_id} will be applied again")
        self.stdout.write(f"{len(wanted)} events will be applied again")

    def _find(self, stripe_id: str) -> WebhookEvent:
        try:
            return webhooks.get_event(stripe_event_id=stripe_id)
        except WebhookEventNotFound as error:
            raise CommandError(f"{stripe_id}: {error.message}") from error
