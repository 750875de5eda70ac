"""Background jobs of the users app."""

from config.kernel.tasks import periodic
from users.services import audit_sealing


@periodic("users.seal_audit", cron="* * * * * */10")
def seal_audit() -> None:
    """Seal the audit entries that are due."""
    audit_sealing.seal_all()


@periodic("users.repeat_audit_checkpoints", cron="23 3 * * *")
def repeat_audit_checkpoints() -> None:
    """Tell the log where each audit chain stands."""
    audit_sealing.repeat_checkpoints()
