"""Mails in the outbox of a test, put there, looked at, and aged."""

from typing import Any
from uuid import UUID

from config.kernel.tenancy import organization_context
from emails.catalogue import EmailKind
from emails.messages import Attachment
from emails.services import outbox
from emails.tasks import sweep
from tests.api.beneath import as_owner
from tests.emails.test_catalogue import example
from tests.jobs import as_role, run_jobs


def queue(
    organization: UUID,
    *,
    kind: EmailKind = EmailKind.WELCOME,
    recipient: str = "ada@example.com",
    key: str = "welcome:1",
    attachments: tuple[Attachment, ...] = (),
) -> None:
    """Queue a mail."""
    with organization_context(organization):
        outbox.queue(organization_id=organization, kind=kind, recipient=recipient, dedup_key=key, data=example(kind),
                     attachments=attachments)  # fmt: skip


def send(organization: UUID, **facts: Any) -> None:
    """Queue a mail and have the worker do what there is to do."""
    queue(organization, **facts)
    run_jobs()


def states() -> list[Any]:
    """Return status, attempts and whether the content is still kept, of every mail."""
    return as_owner("select status, attempts, data is not null from emails_emaillog order by id")


def row(*columns: str) -> tuple[Any, ...]:
    """Return columns of the only mail."""
    ((*values,),) = as_owner(f"select {', '.join(columns)} from emails_emaillog")  # noqa: S608  (names from tests)
    return tuple(values)


def sweep_up() -> None:
    """Let the pause pass, and let the sweep wake what is due."""
    as_owner("update emails_emaillog set next_attempt_at = now()")
    with as_role("worker"):
        sweep()
    run_jobs()
