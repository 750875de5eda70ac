"""Background jobs of the emails app."""

from uuid import UUID

from config.kernel.tasks import periodic, task
from emails.services import outbox


@task("emails.send")
def send(organization_id: str, email_id: str) -> None:
    """Send one queued mail."""
    outbox.send(organization_id=UUID(organization_id), email_id=UUID(email_id))


@periodic("emails.sweep", cron="* * * * * */30")
def sweep() -> None:
    """Wake the mails that are due and have no job."""
    outbox.sweep()
