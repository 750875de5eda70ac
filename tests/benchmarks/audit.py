"""What sealing and verifying the audit log cost: many entries of many organizations, one byte of which is then changed.

The yardstick is inserting the same rows into a table without index, trigger or policy, in the same run: how fast this
machine's PostgreSQL takes rows at all.
"""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

from deploy.local.home import ROOT
from deploy.local.postgres import Postgres

COMMIT_EVERY = 100
_COLUMNS = "id, organization_id, action, actor_id, object_type, object_id, data, request_id, occurred_at"
_INSERT = f"insert into TABLE ({_COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())"  # noqa: S608


@dataclass(frozen=True)
class Step:
    """Something done with so many entries, in seconds."""

    name: str
    entries: int
    seconds: float


@dataclass(frozen=True)
class Measured:
    """All steps, the first of which is the yardstick; what the change was found as; the memory of `verify_audit`.

    That is the peak of its process in MiB, for one chain and for all of them.
    """

    steps: list[Step]
    found: list[str]
    one_chain_mib: float
    all_chains_mib: float


def measure(*, entries: int, organizations: int) -> Measured:
    """Fill, seal, verify, change one byte, verify again; raises RuntimeError when it is not found where it was made."""
    with _database() as postgres:
        return _measure(postgres, entries, [uuid4() for _ in range(organizations)])


def table(measured: Measured) -> str:
    """Return the steps as Markdown, each as a ratio to the yardstick."""
    yardstick = measured.steps[0]
    rate = yardstick.entries / yardstick.seconds
    lines = ["| step | entries | s | entries/s | to plain insert |", "|---|---|---|---|---|"]
    for step in measured.steps:
        own = step.entries / step.seconds
        shown = f"{own:,.0f} | {own / rate:.2f}" if step.entries else "– | –"
        lines.append(f"| {step.name} | {step.entries:,} | {step.seconds:.2f} | {shown} |")
    found = "\n".join(f"    {line}" for line in measured.found)
    return (
        "\n".join(lines)
        + f"\n\nPeak memory of `manage.py verify_audit`: {measured.one_chain_mib:.1f} MiB for one chain, "
        f"{measured.all_chains_mib:.1f} MiB for all. After one byte was changed:\n\n{found}"
    )


def _measure(postgres: Postgres, entries: int, organizations: list[UUID]) -> Measured:
    from users.chain_walk import Fault
    from users.services import audit_sealing, audit_verification

    each = entries // len(organizations)
    rows = {organization: [_row(organization, number) for number in range(each)] for organization in organizations}
    steps = [
        _timed(
            "plain insert: no index, trigger or policy", entries, lambda: _insert(postgres, "plain", rows, "migrator")
        ),
        _timed("appending, as the web's role", entries, lambda: _insert(postgres, "users_auditentry", rows, "app")),
    ]
    steps.append(_timed(f"sealing {len(organizations)} chains", entries, audit_sealing.seal_all))
    steps.append(_timed("a round of the sealer with nothing to do", 0, audit_sealing.seal_all))
    faults: list[Fault] = []

    def verify() -> None:
        audit_verification.verify(chains=audit_verification.list_chains(), tell=faults.append)

    steps.append(_timed("verifying", entries, verify))
    if faults:
        raise RuntimeError(f"an untouched log has faults: {faults[0]}")
    changed = _change_one_byte(postgres, organizations[len(organizations) // 2], each // 2)
    steps.append(_timed("verifying again and naming the change", entries, verify))
    if [fault.entry_id for fault in faults] != [changed]:
        raise RuntimeError(f"the change of {changed} was found as {faults}")
    one, every = _peak_mib("--organization", str(organizations[0])), _peak_mib()
    return Measured(steps, [str(fault) for fault in faults], one, every)


def _timed(name: str, entries: int, work: Callable[[], object]) -> Step:
    sys.stderr.write(f"{name}\n")
    begun = time.perf_counter()
    work()
    return Step(name, entries, time.perf_counter() - begun)


def _row(organization_id: UUID, number: int) -> tuple[Any, ...]:
    from config.kernel.ids import new_id

    facts = f'{{"license_id": "{uuid4()}", "number": {number}}}'
    ids = (uuid4(), "license_session", uuid4())
    return (new_id(), organization_id, "LICENSE_ACQUIRED", *ids, facts, str(uuid4()))


def _insert(postgres: Postgres, name: str, rows: dict[UUID, list[tuple[Any, ...]]], role: str) -> None:
    with psycopg.connect(postgres.url(role)) as connection, connection.cursor() as cursor:
        for organization_id, own in rows.items():
            for start in range(0, len(own), COMMIT_EVERY):
                cursor.execute("select set_config('app.organization_id', %s, true)", [str(organization_id)])
                cursor.executemany(_INSERT.replace("TABLE", name), own[start : start + COMMIT_EVERY])
                connection.commit()


def _change_one_byte(postgres: Postgres, organization_id: UUID, sequence: int) -> UUID:
    """Change one character of one entry as the tables' owner can, behind the log's back; return the entry's id."""
    with psycopg.connect(postgres.url("migrator"), autocommit=True) as owner:
        owner.execute("alter table users_auditentry disable trigger user")
        changed = owner.execute(
            "update users_auditentry e set object_type = 'license_sessioN' from users_auditseal s "
            "where s.entry_id = e.id and s.organization_id = %s and s.sequence = %s returning e.id",
            [organization_id, sequence],
        ).fetchone()
        owner.execute("alter table users_auditentry enable always trigger append_only_rows")
        owner.execute("alter table users_auditentry enable always trigger append_only_table")
    if changed is None:
        raise RuntimeError("there is no such entry")
    found: UUID = changed[0]
    return found


def _peak_mib(*arguments: str) -> float:
    """Run `manage.py verify_audit` in a process of its own and return the most memory that it had (Linux)."""
    argv = [sys.executable, "-W", "ignore", "-c", _VERIFY_AND_TELL_PEAK, "verify_audit", *arguments]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-2]) / 1024


# What rusage says includes the parent's memory before exec.
_VERIFY_AND_TELL_PEAK = """
import sys
from pathlib import Path
from django.core.management import ManagementUtility
try:
    ManagementUtility(["manage.py", *sys.argv[1:]]).execute()
except SystemExit:
    pass
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


@contextmanager
def _database() -> Iterator[Postgres]:
    """Start a durable PostgreSQL with our tables, and make this process a worker on it."""
    folder = Path(tempfile.mkdtemp(prefix="coditect-bench-audit-"))
    folder.chmod(0o755)  # under root PostgreSQL runs as another user, who must reach its data
    postgres = Postgres(folder / "postgres")
    try:
        postgres.start()
        postgres.prepare("coditect")
        os.environ.update(_environment(postgres, folder))
        migrator = {**os.environ, "DATABASE_URL": postgres.url("migrator")}
        for command in ("migrate", "create_keys"):
            argv = [sys.executable, "-W", "ignore", "manage.py", command, "--verbosity", "0"]
            subprocess.run(argv, cwd=ROOT, env=migrator, check=True, stdout=subprocess.DEVNULL)
        with psycopg.connect(postgres.url("migrator")) as owner:
            owner.execute("create table plain (like users_auditentry)")
            owner.execute("alter table plain alter transaction_id drop not null")
        import django

        django.setup()
        logging.getLogger("audit.checkpoint").setLevel(logging.WARNING)  # stdout is for the table
        yield postgres
    finally:
        from django.db import connections

        connections.close_all()
        postgres.destroy()
        shutil.rmtree(folder, ignore_errors=True)


def _environment(postgres: Postgres, folder: Path) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "SECRET_KEY": "only-for-a-benchmark",
        "LOOKUP_HASH_KEY": "00" * 32,
        "KEYS_DIR": str(folder / "keys"),
        "DATABASE_URL": postgres.url("worker"),
        "DATABASE_SYSTEM_URL": postgres.url("system"),
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "STRIPE_SECRET_KEY": "sk_test_none",
        "STRIPE_WEBHOOK_SECRETS": "whsec_none",
        "LOG_LEVEL": "WARNING",
    }
