"""What an acquire and a beat cost the database as sessions pile up: live ones, past ones, and many on one licence.

Each size is a database of its own on one server; the same statements go to all of them in turn, so that a neighbour's
load hits all alike. A commit that waits for the disk costs the same whatever the size and so hides what grows: each
verb is measured with that wait, as the product has it, and without. Rows are made by PostgreSQL itself, as its
superuser, past the walls and the foreign keys.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import psycopg

from config.kernel.ids import new_id
from deploy.local.home import ROOT
from deploy.local.postgres import Postgres

LICENSES = 1_000
PAST = 10_000_000
ROUNDS, CALLS = 15, 25
FREE_BYTES_NEEDED = 12 * 1024**3
ONE_LICENSE_SEATS = 10_000
# A load that nobody needs to be able to repeat after a crash; undone before anything is measured.
FOR_FILLING = {"wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "16GB", "shared_buffers": "1GB"}
VERBS = ("acquire + release", "beat")


@dataclass(frozen=True)
class Size:
    """How many sessions there are; `on_one` are all on the licence that is asked for seats."""

    name: str
    live: int
    past: int = 0
    on_one: int = 0


@dataclass
class Grown:
    """Milliseconds of each call by verb, whether the disk is waited for, and size; PostgreSQL's plans."""

    calls: dict[tuple[str, bool], dict[str, list[float]]] = field(default_factory=dict)
    plans: dict[str, str] = field(default_factory=dict)
    filling_seconds: float = 0.0


Tell = Callable[[str], None]


def sizes(past: int) -> list[Size]:
    """Return the sizes that are compared; the first is what the others are held against."""
    return [
        Size("100 live", 100),
        Size("10,000 live", 10_000),
        Size("100,000 live", 100_000),
        Size(f"100,000 live, {past:,} past", 100_000, past),
        Size(f"100,000 live, {ONE_LICENSE_SEATS:,} of them on one licence", 100_000, on_one=ONE_LICENSE_SEATS),
    ]


def measure(*, past: int, tell: Tell) -> Grown:
    """Make the databases, ask all of them in turn, and take everything down."""
    folder = Path(tempfile.mkdtemp(prefix="coditect-growth-"))
    if shutil.disk_usage(folder).free < FREE_BYTES_NEEDED:
        raise RuntimeError(f"less than {FREE_BYTES_NEEDED // 1024**3} GiB are free in {folder.parent}")
    folder.chmod(0o755)
    postgres = Postgres(folder / "postgres")
    try:
        postgres.start()
        grown = Grown()
        _configure(postgres, FOR_FILLING)
        for number, size in enumerate(sizes(past)):
            began = time.perf_counter()
            _make(postgres, f"growth_{number}", template="growth_0" if number else None)
            _fill(postgres, f"growth_{number}", size)
            seconds = time.perf_counter() - began
            grown.filling_seconds = max(grown.filling_seconds, seconds)
            tell(f"{size.name}: filled in {seconds:.0f} s")
        _configure(postgres, {})
        _play([_Player(postgres, f"growth_{number}", size) for number, size in enumerate(sizes(past))], grown, tell)
        return grown
    finally:
        postgres.destroy()
        shutil.rmtree(folder, ignore_errors=True)


def table(grown: Grown) -> str:
    """Return a line a size, with its ratio to the smallest, and how the live leases of a licence are found."""
    columns = [(verb, waits) for verb in VERBS for waits in (True, False)]
    head = ["sessions"]
    for verb, waits in columns:
        head += [f"{verb}, ms" if waits else "not waiting for the disk, ms", "to the first"]
    lines = [f"| {' | '.join([*head, 'by'])} |", f"|{'---|' * (len(head) + 1)}"]
    for name, plan in grown.plans.items():
        cells = [name]
        for column in columns:
            smallest = median(next(iter(grown.calls[column].values())))
            mine = median(grown.calls[column][name])
            cells += [f"{mine:.2f}", f"{mine / smallest:.2f}"]
        lines.append(f"| {' | '.join([*cells, plan])} |")
    return "\n".join(lines) + (
        f"\n\nMedians of {ROUNDS * CALLS} calls each, turn by turn. "
        f"The largest took {grown.filling_seconds:.0f} s to fill."
    )


def _play(players: "list[_Player]", grown: Grown, tell: Tell) -> None:
    for number in range(ROUNDS):
        tell(f"round {number + 1} of {ROUNDS}")
        for waits in (True, False):
            for call in range(CALLS):
                # By single calls: a neighbour's burst on the machine is shorter than a size's turn would be.
                shift = call % len(players)
                for player in (*players[shift:], *players[:shift]):
                    player.play(grown, call, waits=waits)
    for player in players:
        grown.plans[player.size.name] = player.plan()
        player.close()


def _configure(postgres: Postgres, settings: Mapping[str, str]) -> None:
    """Start the server anew with these settings and no others of ours."""
    with psycopg.connect(postgres.url("superuser", "postgres"), autocommit=True) as admin:
        admin.execute("alter system reset all")
        for name, value in settings.items():
            admin.execute(f"alter system set {name} = '{value}'".encode())
    postgres.stop()
    postgres.start()


def _make(postgres: Postgres, database: str, *, template: str | None) -> None:
    if template is not None:
        with psycopg.connect(postgres.url("superuser", "postgres"), autocommit=True) as admin:
            admin.execute(f'create database "{database}" template "{template}_empty"'.encode())
        return
    postgres.prepare(f"{database}_empty")
    environ = {**os.environ, **_settings(), "DATABASE_URL": postgres.url("migrator", f"{database}_empty")}
    argv = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the tables could not be made: {done.stderr.strip()}")
    with psycopg.connect(postgres.url("superuser", "postgres"), autocommit=True) as admin:
        admin.execute(f'create database "{database}" template "{database}_empty"'.encode())


def _settings() -> dict[str, str]:
    lines = (ROOT / ".ci/placeholders.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


_LICENSES = """
insert into organizations_organization (id, name, slug, status, region, settings, created_at)
select md5('organization ' || n)::uuid, 'Engines ' || n, 'engines-' || n, 'active', 'us', '{}', now()
from generate_series(0, %(licenses)s - 1) n;
insert into licenses_license (id, organization_id, subscription_id, key_hash, key_encrypted, tier, features, max_seats,
    access_policy, require_activation, status, issued_at, failed_payment_count)
select md5('license ' || n)::uuid, md5('organization ' || n)::uuid, md5('subscription ' || n)::uuid,
    sha256(n::text::bytea), '', 'pro', '{}', 1000000, 'key', false, 'active', now(), 0
from generate_series(0, %(licenses)s - 1) n;
insert into licenses_activation (id, organization_id, license_id, hardware_hash, hardware_name, platform, activated_at)
select gen_random_uuid(), md5('organization ' || n)::uuid, md5('license ' || n)::uuid, sha256('the newcomer'), '', '',
    now()
from generate_series(0, %(licenses)s - 1) n;
"""
# Ids as `new_id` makes them: their time leads, so rows made later stand later. Leases that run out in ten years stay
# live however long the measuring takes.
_SESSIONS = """
insert into licenses_licensesession (id, organization_id, license_id, hardware_hash, lease_no, sequence, acquired_at,
    last_heartbeat_at, expires_at, ended_at, end_reason)
select (lpad(to_hex(n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
    l.organization_id, l.id, sha256(int8send(n)), 1, 1, now(), now(),
    case when n < %(past)s then now() - interval '1 day' else now() + interval '10 years' end,
    case when n < %(past)s then now() - interval '1 day' end, case when n < %(past)s then 'released' else '' end
from (select n::bigint, case when n >= %(past)s and n - %(past)s < %(on_one)s then 0 else n %% %(licenses)s end as l
      from generate_series(0, %(past)s + %(live)s - 1) n) made
join (select id, organization_id, substr(name, 9)::integer as number from (
      select l.id, l.organization_id, o.name from licenses_license l
      join organizations_organization o on o.id = l.organization_id) named) l on l.number = made.l
"""


def _fill(postgres: Postgres, database: str, size: Size) -> None:
    values = {"licenses": LICENSES, "live": size.live, "past": size.past, "on_one": size.on_one}
    with psycopg.connect(
        postgres.url("superuser", database), autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as admin:
        admin.execute("set maintenance_work_mem = '1GB'; set session_replication_role = replica")
        admin.execute(_LICENSES, values)
        # Emptied and filled in one transaction: at this `wal_level` PostgreSQL then logs no row of it, nor of its
        # indexes, which are made once at the end, as a restore does.
        with admin.transaction():
            admin.execute("truncate licenses_licensesession cascade")
            found = admin.execute(
                "select indexname, indexdef from pg_indexes where tablename = 'licenses_licensesession' and indexname "
                "not in (select conname from pg_constraint) and indexname not like '%tenant_key'"
            ).fetchall()
            for name, _ in found:
                admin.execute(f'drop index "{name}"'.encode())
            admin.execute(_SESSIONS, values)
            for _, definition in found:
                admin.execute(definition.encode())
        admin.execute("vacuum (analyze) licenses_licensesession, licenses_license")
        admin.execute("checkpoint")


class _Player:
    """Asks one database, as the role of the web process."""

    def __init__(self, postgres: Postgres, database: str, size: Size) -> None:
        self.size = size
        self._app = psycopg.connect(postgres.url("app", database), autocommit=True, cursor_factory=psycopg.ClientCursor)
        self._admin = psycopg.connect(postgres.url("superuser", database), autocommit=True)
        (self._machine,) = self._one("select sha256('the newcomer')")
        licenses = "select id, organization_id from licenses_license where id <> md5('license 0')::uuid limit %s"
        wanted = [CALLS]
        if size.on_one:
            licenses, wanted = "select id, organization_id from licenses_license where id = md5('license 0')::uuid", []
        found = self._admin.execute(licenses.encode(), wanted).fetchall()
        self._licenses: list[tuple[UUID, UUID]] = [found[number % len(found)] for number in range(CALLS)]
        self._held = self._admin.execute(
            "select id, license_id, organization_id from licenses_licensesession where ended_at is null "
            "order by md5(id::text) limit %s",
            [CALLS],
        ).fetchall()
        for _ in range(2):  # plans and pages are warm, as they are in a process that has run for a while
            for number in range(CALLS):
                self._acquire(number)
                self._beat(number)

    def play(self, grown: Grown, number: int, *, waits: bool) -> None:
        """Measure one call of each verb."""
        self._app.execute(b"set synchronous_commit = " + (b"on" if waits else b"off"))
        for name, verb in zip(VERBS, (self._acquire, self._beat), strict=True):
            began = time.perf_counter()
            verb(number)
            took = (time.perf_counter() - began) * 1000
            grown.calls.setdefault((name, waits), {}).setdefault(self.size.name, []).append(took)

    def plan(self) -> str:
        """Return how the live leases of a licence are found; raises RuntimeError when it is by reading everything."""
        license_id, organization_id = self._licenses[0]
        lines = self._admin.execute(
            "explain select count(*) from licenses_licensesession where organization_id = %s and license_id = %s "
            "and ended_at is null and expires_at > now()",
            [organization_id, license_id],
        ).fetchall()
        text = "\n".join(str(line[0]) for line in lines)
        if "Index" not in text and self.size.live > 10_000:
            raise RuntimeError(f"the leases of a licence are not found by an index:\n{text}")
        used = re.search(r"Index(?: Only)? Scan (?:using|on) (\w+)", text)
        return used.group(1) if used else "all rows"

    def close(self) -> None:
        """Let go of the database."""
        self._app.close()
        self._admin.close()

    def _acquire(self, number: int) -> None:
        license_id, organization_id = self._licenses[number]
        verdict, session_id = self._one(
            "select verdict, session_id from seat_acquire(%s, %s, %s, true, null, 360, %s, %s, %s, '-')",
            [organization_id, license_id, self._machine, new_id(), uuid4(), uuid4()],
        )
        if verdict != "granted":
            raise RuntimeError(f"a seat was not granted: {verdict}")
        self._one(
            "select license_id from seat_release(%s, %s, 1, 'released', null, %s, '-')",
            [organization_id, session_id, uuid4()],
        )

    def _beat(self, number: int) -> None:
        session_id, license_id, organization_id = self._held[number]
        self._one(
            "select 1 from seat_beat(%s::uuid[], %s::uuid[], %s::uuid[], array[null]::bigint[], 360, true) "
            "where renewed",
            [[session_id], [license_id], [organization_id]],
        )

    def _one(self, query: str, values: list[object] | None = None) -> tuple[object, ...]:
        row: tuple[object, ...] | None = self._app.execute(query.encode(), values).fetchone()
        if row is None:
            raise RuntimeError(f"no answer to {query}")
        return row
