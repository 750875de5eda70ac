"""The whole product as `./dev run` starts it: what it publishes, what it survives, and that it ends without a trace."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.home import ROOT, Home
from deploy.local.leftovers import started_at
from deploy.local.ports import free_port
from deploy.local.postgres import Postgres
from deploy.local.stack import answers_200

pytestmark = pytest.mark.slow_stack

COMPONENTS = {"postgres", "redis", "stripe", "web", "worker"}
# Servers of the tests themselves, and what `./dev` takes away too.
NOT_PASSED_ON = ("DATABASE_URL", "REDIS_URL", "STRIPE_SECRET_KEY", "PUBLIC_URL", "KEYS_DIR", "PYTHONDONTWRITEBYTECODE")


class Run:
    """One launcher on a home, as a person would start it in a terminal."""

    def __init__(self, folder: Path, *, port: int | None = None, home: Home | None = None) -> None:
        self.home = home or Home(folder / "home")
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._output = folder / "output.txt"
        self.launcher: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the launcher and wait until the product is ready; what it says is the reason where it is not."""
        welcomes = self.welcomes()
        self.begin()
        until(lambda: self.welcomes() > welcomes or self.ended(), 90)
        assert self.ready(), self.told()

    def begin(self) -> None:
        """Start the launcher without waiting."""
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        with self._output.open("ab") as output:
            self.launcher = subprocess.Popen(
                [sys.executable, "-m", "deploy.local", "run"],
                cwd=ROOT,
                env=inherited | {"PORT": str(self.port), "CODITECT_HOME": str(self.home.path)},
                stdout=output,
                stderr=output,
            )

    def ready(self) -> bool:
        """Whether the product takes requests."""
        return answers_200(f"{self.url}/health/ready")

    def ended(self) -> bool:
        """Whether the launcher is gone."""
        return self.launcher is None or self.launcher.poll() is not None

    def exit_code(self) -> int | None:
        """The exit code of an ended launcher."""
        return self.launcher.returncode if self.launcher else None

    def told(self) -> str:
        """All that the launcher printed."""
        return self._output.read_text(encoding="utf-8")

    def welcomes(self) -> int:
        """How often the launcher said that the product is ready."""
        return self.told().count("Ready at") if self._output.exists() else 0

    def pids(self) -> dict[str, int]:
        """The process of each component by name."""
        return {name: facts["pid"] for name, facts in self.home.stack().items()}

    def end(self, number: signal.Signals) -> int:
        """Send a signal to the launcher and wait for its end; the answer is its exit code."""
        assert self.launcher is not None
        self.launcher.send_signal(number)
        return self.launcher.wait(timeout=30)

    def dev(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `./dev manage` or `./dev psql` as a person would in another terminal."""
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        return subprocess.run(
            [sys.executable, "-m", "deploy.local", *arguments],
            cwd=ROOT,
            env=inherited | {"CODITECT_HOME": str(self.home.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def clean(self) -> None:
        """Stop whatever runs and delete the data."""
        if not self.ended():
            self.end(signal.SIGTERM)
        if self.home.exists():
            Postgres(self.home.path / "postgres").destroy()


@pytest.fixture(scope="module")
def home_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="coditect stack "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def only_run(home_folder: Path) -> Iterator[Run]:
    run = Run(home_folder)
    yield run
    run.clean()


@pytest.fixture
def run(only_run: Run) -> Run:
    """One home for all tests, because only its first start is slow; running when the test begins."""
    if only_run.ended():
        only_run.start()
    return only_run


def until(reached: Callable[[], object], timeout: float) -> None:
    """Wait for a condition; give up silently, the caller asserts."""
    deadline = time.monotonic() + timeout
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.05)


def plan_names(url: str) -> list[str]:
    """What the product sells, asked over HTTP."""
    with urllib.request.urlopen(f"{url}/api/v1/plans") as answer:
        body: dict[str, Any] = json.load(answer)
    return [plan["slug"] for plan in body["results"]]


class TestStack:
    def test_publishes_its_components_brings_back_the_killed_and_ends_without_a_trace(self, run: Run) -> None:
        assert set(run.pids()) == COMPONENTS
        assert run.home.stack()["web"]["url"] == run.url
        assert plan_names(run.url) == ["starter", "pro", "enterprise"]

        before = run.pids()
        for name in ("web", "redis", "worker"):
            os.kill(before[name], signal.SIGKILL)
        until(lambda: all(run.pids()[name] != before[name] for name in ("web", "redis", "worker")), 10)
        until(run.ready, 20)
        assert run.ready(), run.told()

        processes = list(run.pids().values())
        assert run.end(signal.SIGINT) == 0
        assert [pid for pid in processes if started_at(pid)] == []
        assert not run.home.stack_file.exists()

    def test_recovers_from_a_killed_launcher_with_its_data_and_starts_warm(self, run: Run) -> None:
        run.end(signal.SIGKILL)

        began = time.monotonic()
        run.start()

        # Three seconds is the promise for a machine at rest; tests share theirs.
        assert time.monotonic() - began < 15
        assert set(run.pids()) == COMPONENTS
        assert plan_names(run.url) == ["starter", "pro", "enterprise"]

    def test_prints_the_admins_password_once_in_the_life_of_a_home(self, run: Run) -> None:
        run.end(signal.SIGTERM)
        run.start()
        told = [line for line in run.told().splitlines() if "django-admin" in line]
        assert ["printed once" in line for line in told] == [False] + [True] * (len(told) - 1)
        assert len(told) > 1

    def test_a_second_run_on_the_same_home_is_refused_and_beside_it_works(self, run: Run, folder: Path) -> None:
        second = Run(folder, home=run.home)
        second.begin()
        until(second.ended, 10)
        assert second.exit_code() == 1
        assert f"a stack already runs in {run.home.path}" in second.told()

        beside = Run(folder)
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(beside.clean)
            beside.start()
            assert run.ready()
            assert not set(run.pids().values()) & set(beside.pids().values())

    def test_a_taken_port_is_named_and_nothing_is_left_running(self, run: Run, folder: Path) -> None:
        late = Run(folder, port=run.port)
        late.begin()
        until(late.ended, 10)
        assert f"port {run.port} is already used" in late.told()
        assert not late.home.stack_file.exists()
        assert run.ready()


class TestManage:
    @pytest.mark.parametrize(
        ("command", "told"),
        [
            ("sync_plans", "0 prices were set"),
            ("sync_portal", "billing portal: bpc_"),
            ("reconcile_billing", "0 differences"),
            ("replay_webhooks", "0 events were set aside"),
            ("verify_audit", "no faults"),
            ("rotate_keys --platform", "the platform's data key has version"),
            ("create_platform_admin grace@example.com --password Compiler-1952-x", "created"),
        ],
    )
    def test_a_command_has_the_rights_that_it_needs(self, run: Run, command: str, told: str) -> None:
        ran = run.dev("manage", *command.split())
        assert ran.returncode == 0, ran.stderr
        assert told in ran.stdout
        assert '"level"' not in ran.stdout, "what is logged stands apart from what was found out"

    def test_another_role_can_be_asked_for_and_has_no_more_rights_than_that(self, run: Run) -> None:
        ran = run.dev("manage", "--as", "app", "sync_portal")
        assert ran.returncode != 0
        assert "permission denied" in ran.stderr


class TestPsql:
    def test_takes_arguments_of_its_own_after_the_role(self, run: Run) -> None:
        ran = run.dev("psql", "worker", "-tA", "-c", "select current_user")
        assert (ran.stdout, ran.stderr) == ("coditect_worker\n", "")
