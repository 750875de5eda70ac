"""Background jobs of the organizations app."""

from uuid import UUID

from config.kernel.tasks import task
from organizations.services import account_mail


@task("organizations.send_verification")
def send_verification(user_id: str) -> None:
    """Send the verification mail again."""
    account_mail.send_verification(user_id=UUID(user_id))


@task("organizations.send_password_reset")
def send_password_reset(user_id: str) -> None:
    """Send a link to set a new password."""
    account_mail.send_password_reset(user_id=UUID(user_id))
