"""The audit log in tests: appended to and sealed as in a deployment, and tampered with as only an owner can."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from tests.api.beneath import as_owner
from tests.concurrency.together import wait_until
from tests.jobs import as_role
from tests.plugins import servers
from users.services import audit, audit_sealing

TABLES = ("users_auditentry", "users_auditseal", "users_auditcheckpoint")


def append(organization_id: UUID | None, count: int = 1, **data: Any) -> None:
    """Append entries as a request does, each in a transaction of its own."""
    for number in range(count):
        with transaction.atomic() if organization_id is None else organization_context(organization_id):
            audit.record(
                action="THING_CHANGED",
                organization_id=organization_id,
                actor_id=new_id(),
                object_type="thing",
                object_id=new_id(),
                number=number,
                **data,
            )


def append_many(organization_id: UUID, count: int) -> None:
    """Append so many entries at once."""
    as_owner(
        "insert into users_auditentry "
        "(id, organization_id, action, object_type, data, request_id, occurred_at) "
        "select gen_random_uuid(), %s, 'THING_CHANGED', 'thing', jsonb_build_object('number', n), '-', now() "
        "from generate_series(1, %s) n",
        organization_id,
        count,
    )


def seal(*, amid: bool = False) -> int:
    """Seal what is due, as the worker; return how many entries that was.

    Not `amid` transactions that go on: the server has some of its own (autovacuum), which hold sealing up for a moment.
    """
    if not amid:
        let_others_finish()
    with as_role("worker"):
        return audit_sealing.seal_all()


def let_others_finish() -> None:
    """Return when every transaction that goes on now is over."""
    ((latest,),) = as_owner("select pg_current_xact_id()::text")
    over = "select pg_snapshot_xmin(pg_current_snapshot()) > %s::text::xid8"
    wait_until(lambda: bool(as_owner(over, latest)[0][0]))


def sealed(organization_id: UUID | None = None, count: int = 5) -> UUID:
    """Return an organization with so many sealed entries."""
    organization_id = organization_id or new_id()
    append(organization_id, count)
    assert seal() == count
    return organization_id


def places(organization_id: UUID | None) -> list[tuple[int, UUID]]:
    """Return the sequences and entries of a chain."""
    rows: list[tuple[int, UUID]] = as_owner(
        "select sequence, entry_id from users_auditseal where organization_id is not distinct from %s order by 1",
        organization_id,
    )
    return rows


@contextmanager
def tampering() -> Iterator[psycopg.Connection[Any]]:
    """Connect as the tables' owner, with what keeps even them from changing the log switched off for the while."""
    with psycopg.connect(servers.current().postgres.url("migrator"), autocommit=True) as owner:
        try:
            for table in TABLES:
                owner.execute(f"alter table {table} disable trigger user")
            yield owner
        finally:
            for table in TABLES:
                for name in ("append_only_rows", "append_only_table"):
                    owner.execute(f"alter table {table} enable always trigger {name}")


def verify(*, organization: UUID | str | None = None, checkpoints: Path | None = None) -> list[str]:
    """Run `manage.py verify_audit` and return what it names; empty when it finds nothing and exits with 0."""
    told, failed = StringIO(), ""
    kept = {} if checkpoints is None else {"checkpoints": checkpoints}
    try:
        call_command(
            "verify_audit", organization=None if organization is None else str(organization), stdout=told, **kept
        )
    except CommandError as error:
        failed = str(error)
    lines = told.getvalue().splitlines()
    if not failed:
        assert lines[-1] == "no faults", lines
        return []
    faults = [line for line in lines if line.startswith(("organization ", "platform, "))]
    assert failed == f"{len(faults)} faults", (failed, lines)
    return faults
