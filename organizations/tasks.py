"""Background jobs of the organizations app."""

from uuid import UUID

from config.kernel import sealed_columns
from config.kernel.tasks import periodic, task
from organizations.services import account_mail, key_rotation


@task("organizations.send_verification")
def send_verification(user_id: str) -> None:
    """Send the verification mail again."""
    account_mail.send_verification(user_id=UUID(user_id))


@task("organizations.send_password_reset")
def send_password_reset(user_id: str) -> None:
    """Send a link to set a new password."""
    account_mail.send_password_reset(user_id=UUID(user_id))


@task("organizations.reencrypt")
def reencrypt(organization_id: str) -> None:
    """Encrypt an organization's values under the newest version of its data key."""
    key_rotation.reencrypt(organization_id=UUID(organization_id))


@periodic("organizations.tend_keys", cron="41 * * * *")
def tend_keys() -> None:
    """Finish what a rotation of keys began: wrap data keys and encrypt values anew, drop old keys.

    Also gives a new data key to whoever's is a year old.
    """
    key_rotation.replace_old()
    key_rotation.rewrap()
    sealed_columns.reencrypt()
    key_rotation.enqueue_unfinished()
