"""Background jobs of the licenses app."""

from uuid import UUID

from config.kernel.tasks import periodic, task
from licenses.services import closing, daily_usage, denials, grace, history, issuing


@task("licenses.apply_subscription")
def apply_subscription(organization_id: str, subscription_id: str) -> None:
    """Bring a licence to what its subscription asks for."""
    issuing.apply_subscription(organization_id=UUID(organization_id), subscription_id=UUID(subscription_id))


@task("licenses.end_grace")
def end_grace(organization_id: str, subscription_id: str) -> None:
    """End a licence whose grace is over unpaid."""
    grace.end(organization_id=UUID(organization_id), subscription_id=UUID(subscription_id))


@task("licenses.end_of_organization")
def end_of_organization(organization_id: str) -> None:
    """End the licences of an organization that was closed."""
    closing.end_licenses(organization_id=UUID(organization_id))


@periodic("licenses.find_graces_over", cron="* * * * *")
def find_graces_over() -> None:
    """Find the licences whose grace is over."""
    grace.find_over()


@periodic("licenses.record_lapsed_sessions", cron="* * * * *")
def record_lapsed_sessions() -> None:
    """Write into the history which leases have run out."""
    history.record_lapsed()


@periodic("licenses.keep_denials", cron="*/5 * * * *")
def keep_denials() -> None:
    """Bring to PostgreSQL how often the gate has turned callers away."""
    denials.keep_denials()


@periodic("licenses.close_days", cron="20 * * * *")
def close_days() -> None:
    """Work out what licences were used for on days that are over."""
    daily_usage.close_days()


@periodic("licenses.delete_old_sessions", cron="40 * * * *")
def delete_old_sessions() -> None:
    """Delete sessions that are kept no longer."""
    history.delete_old_sessions()
