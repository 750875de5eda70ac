"""The one-time work before the first request: `manage.py bootstrap`, skipped while nothing it depends on changed."""

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.home import ROOT, Home
from deploy.local.postgres import Postgres
from deploy.local.process import Process
from deploy.local.progress import Step
from deploy.local.supervisor import POLL_SECONDS, ComponentFailedError, StopFlag


@dataclass(frozen=True, slots=True)
class Admin:
    """The platform admin; the password is known only in the run that created the account."""

    email: str
    password: str | None


def stamp_of(home: Home, postgres: Postgres, variables: Mapping[str, str]) -> str:
    """A hash over all that bootstrap reads: its code, the migrations, the lock, the data it filled, the variables."""
    digest = hashlib.sha256()
    for file in _sources():
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    keys = sorted(path.name for path in Path(variables["KEYS_DIR"]).glob("**/*"))
    stripe = home.path / "stripe"
    facts = [postgres.identity(), keys, stripe.stat().st_ino if stripe.exists() else None, sorted(variables.items())]
    digest.update(json.dumps(facts).encode())
    return digest.hexdigest()


def run_bootstrap(home: Home, environment: Mapping[str, str], stop: StopFlag) -> Admin:
    """Run `manage.py bootstrap --json` as the migrator. Raises ComponentFailedError, StopRequestedError.

    What it prints goes to `logs/bootstrap.log`, except its last line: that one holds the admin's password.
    """
    step = Step("database")
    process = Process(
        [sys.executable, "manage.py", "bootstrap", "--json"],
        log=home.logs / "bootstrap.log",
        env=environment,
        cwd=ROOT,
    )
    with tempfile.TemporaryFile() as output:
        process.spawn(stdout=output)
        try:
            while process.running():
                stop.check()
                step.waiting("migrating, making keys, seeding plans")
                time.sleep(POLL_SECONDS)
        finally:
            process.stop()
        output.seek(0)
        *told, answer = output.read().decode("utf-8", "replace").strip().splitlines() or [""]
    told += [answer] if process.exit_code != 0 else []
    with process.log.open("a", encoding="utf-8") as log:
        log.writelines(f"{line}\n" for line in told)
    if process.exit_code != 0:
        raise ComponentFailedError(
            f"bootstrap ended with exit code {process.exit_code}. The end of its log ({process.log}):\n"
            f"{process.log_tail(25)}"
        )
    step.done("migrated, keys and plans in place")
    facts = json.loads(answer)
    return Admin(email=facts["admin_email"], password=facts.get("admin_password"))


def _sources() -> Iterator[Path]:
    yield ROOT / "requirements.lock"
    # Apps lie one level deep, the kernel two; walking the whole tree would read .venv.
    for pattern in ("migrations/*.py", "management/commands/*.py"):
        yield from sorted((*ROOT.glob(f"[!.]*/{pattern}"), *ROOT.glob(f"[!.]*/*/{pattern}")))
