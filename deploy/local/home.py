"""The home folder of one stack (`CODITECT_HOME`, default `.local/`): who holds it, what is remembered in it."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deploy.local.secret_file import remembered_secrets, write_private

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_HOME = ROOT / ".local"
SECRETS = ("SECRET_KEY", "LOOKUP_HASH_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")


class HomeInUseError(RuntimeError):
    """Another launcher holds this home; the message says which, and how to run a second stack."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The launcher that runs on a home; pid 0 when it has only just begun."""

    pid: int
    url: str


class Home:
    """Paths and remembered facts of one stack. Everything with a secret in it has mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.stack_file = self.path / "stack.json"
        self._environment_file = self.path / "environment.json"
        self._ports_file = self.path / "ports.json"
        self._bootstrap_file = self.path / "bootstrap.json"
        self._lock_file = self.path / "launcher.lock"
        self._lock: IO[str] | None = None

    @classmethod
    def of_this_shell(cls) -> "Home":
        """The home that the caller's environment names."""
        return cls(Path(os.environ.get("CODITECT_HOME") or DEFAULT_HOME).expanduser())

    @property
    def is_default(self) -> bool:
        """Whether this is the home that commands use without being told."""
        return self.path == DEFAULT_HOME

    def hold(self, url: str) -> None:
        """Take the home for this process until it ends, however it ends. Raises HomeInUseError."""
        self.path.mkdir(parents=True, exist_ok=True)
        # The kernel drops the lock with the process, so a killed launcher never leaves the home locked.
        lock = self._lock_file.open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            holder = self.holder() or Holder(0, "an unknown address")
            raise HomeInUseError(
                f"a stack already runs in {self.path} (pid {holder.pid or 'unknown'}, {holder.url}). Use that one, "
                "stop it with Ctrl-C or SIGTERM, or run a second one beside it: PORT=8001 "
                "CODITECT_HOME=/another/folder ./dev run"
            ) from None
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "url": url}))
        lock.flush()
        self._lock = lock

    def holder(self) -> Holder | None:
        """The launcher running on this home, None when there is none."""
        if not self._lock_file.exists():
            return None
        with self._lock_file.open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                facts = json.loads(lock.read() or "{}")
                return Holder(pid=int(facts.get("pid", 0)), url=str(facts.get("url", "")))
        return None

    def stop_holder(self, timeout: float = 30.0) -> bool:
        """Ask the running launcher to stop and wait; True when none runs any more."""
        holder = self.holder()
        if holder and holder.pid:
            os.kill(holder.pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while self.holder():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def secrets(self) -> dict[str, str]:
        """The application's own secrets, made once per home."""
        made = remembered_secrets(self.path / "secrets.json", SECRETS)
        # Prefixes as Stripe's own, because its SDK and our settings tell test keys from live ones by them.
        return made | {
            "STRIPE_SECRET_KEY": f"sk_test_{made['STRIPE_SECRET_KEY']}",
            "STRIPE_WEBHOOK_SECRET": f"whsec_{made['STRIPE_WEBHOOK_SECRET']}",
        }

    def ports(self) -> dict[str, int]:
        """The ports of the last run by component."""
        return {name: int(port) for name, port in _read(self._ports_file).items()}

    def remember_ports(self, ports: Mapping[str, int]) -> None:
        """Keep the ports for the next run."""
        write_private(self._ports_file, json.dumps(ports) + "\n")

    def stack(self) -> dict[str, dict[str, Any]]:
        """The components of the running (or killed) stack by name, each with `pid`, `url` and `started`."""
        return _read(self.stack_file)

    def write_stack(self, components: Mapping[str, Mapping[str, object]]) -> None:
        """Publish the running components, in one step, so that a reader never sees half a file."""
        write_private(self.stack_file, json.dumps(components, indent=2) + "\n")

    def environment(self) -> dict[str, dict[str, str]]:
        """The variables of the running stack by database role; empty when none ever ran."""
        return _read(self._environment_file)

    def write_environment(self, by_role: Mapping[str, Mapping[str, str]]) -> None:
        """Keep the variables of this run for `./dev env`, `./dev manage` and `./dev psql`."""
        write_private(self._environment_file, json.dumps(by_role, indent=2) + "\n")

    def last_bootstrap(self) -> tuple[str, str]:
        """What the last successful bootstrap was made from, and the e-mail address of the admin; empty when none."""
        facts = _read(self._bootstrap_file)
        return facts.get("stamp", ""), facts.get("admin_email", "")

    def remember_bootstrap(self, stamp: str, admin_email: str) -> None:
        """Remember a successful bootstrap, so that the next start may skip it."""
        write_private(self._bootstrap_file, json.dumps({"stamp": stamp, "admin_email": admin_email}) + "\n")

    def exists(self) -> bool:
        """Whether a stack ever ran here."""
        return self._lock_file.exists()

    def delete(self) -> None:
        """Delete what a stack makes, by name: a home set to a folder with other things in it keeps those."""
        for name in ("keys", "logs", "redis", "stripe"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        files = (self.stack_file, self._environment_file, self._ports_file, self._bootstrap_file, self._lock_file)
        for file in (*files, *self.path.glob("*secrets.json")):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: something in it is not ours
            self.path.rmdir()


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    facts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return facts
