"""Background jobs of the emails app."""

from uuid import UUID

from config.kernel.tasks import periodic, task
from emails.services import delivery_events, outbox, suppression


@task("emails.send")
def send(organization_id: str, email_id: str) -> None:
    """Send one queued mail."""
    outbox.send(organization_id=UUID(organization_id), email_id=UUID(email_id))


@task("emails.apply_events")
def apply_events() -> None:
    """Apply what the provider told about mails."""
    delivery_events.apply_waiting()


@task("emails.release_address")
def release_address(organization_id: str, email_id: str) -> None:
    """Have the provider forget that a mail's recipient bounced or complained."""
    suppression.release(organization_id=UUID(organization_id), email_id=UUID(email_id))


@periodic("emails.sweep", cron="* * * * * */30")
def sweep() -> None:
    """Wake the mails that are due and have no job, after hearing what the provider told about them."""
    delivery_events.apply_waiting()
    outbox.sweep()


@periodic("emails.forget_old_events", cron="41 3 * * *")
def forget_old_events() -> None:
    """Delete what the provider told long ago."""
    delivery_events.forget_old()
