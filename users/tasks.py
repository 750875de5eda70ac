"""Background jobs of the users app."""

from uuid import UUID

from config.kernel.tasks import periodic, task
from users.services import audit_sealing, firebase_sync


@task("users.sync_to_firebase")
def sync_to_firebase(user_id: str) -> None:
    """Bring Firebase's copy of a user up to date."""
    firebase_sync.sync(user_id=UUID(user_id))


@periodic("users.seal_audit", cron="* * * * * */10")
def seal_audit() -> None:
    """Seal the audit entries that are due."""
    audit_sealing.seal_all()


@periodic("users.repeat_audit_checkpoints", cron="23 3 * * *")
def repeat_audit_checkpoints() -> None:
    """Tell the log where each audit chain stands."""
    audit_sealing.repeat_checkpoints()
