"""The supervisor with small real programs: it brings back what dies, whatever the way, and leaves nothing behind."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.leftovers import end_marked, end_recorded, started_at, wait_until_gone
from deploy.local.process import Process
from deploy.local.supervisor import Component, ComponentFailedError, StopFlag, Supervisor

SLEEPS = "import time; time.sleep(60)"
# Starts a child that outlives it, as a web server with worker processes would.
WITH_CHILD = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor(StopFlag(), lambda components: None)
    yield supervisor
    supervisor.stop()


def component(folder: Path, code: str, name: str = "program", **more: str) -> Component:
    process = Process([sys.executable, "-c", code], log=folder / f"{name}.log", env=dict(os.environ) | more)
    return Component(name, process, process.spawn, process.running, None)


def watch_until(supervisor: Supervisor, reached: Callable[[], bool], timeout: float = 10.0) -> None:
    """Let the supervisor watch until the condition holds."""
    deadline = time.monotonic() + timeout
    while not reached():
        assert time.monotonic() < deadline, "did not happen in time"
        supervisor.look()
        time.sleep(0.01)


class TestSupervisor:
    def test_brings_back_a_killed_component(self, supervisor: Supervisor, folder: Path) -> None:
        program = component(folder, SLEEPS)
        supervisor.launch([program])
        first = program.process.pid
        os.kill(first, signal.SIGKILL)

        watch_until(supervisor, lambda: program.process.pid != first and program.process.running())

    def test_brings_back_a_component_that_ended_by_itself_without_an_error(
        self, supervisor: Supervisor, folder: Path
    ) -> None:
        program = component(folder, "import time; time.sleep(0.3)")
        supervisor.launch([program])
        watch_until(supervisor, lambda: program.deaths >= 2)

    def test_slows_down_a_crash_loop_and_says_which_log_to_read(
        self, supervisor: Supervisor, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        program = component(folder, "raise SystemExit(3)")
        supervisor.launch([program])

        watch_until(supervisor, lambda: program.deaths == 3)

        told = capsys.readouterr().out
        assert "ended with exit code 3 for the 3. time; restarting in 1.0 s" in told
        assert str(program.process.log) in told

    def test_ends_the_children_of_a_dead_component_before_it_comes_back(
        self, supervisor: Supervisor, folder: Path
    ) -> None:
        program = component(folder, WITH_CHILD)
        supervisor.launch([program])
        watch_until(supervisor, lambda: bool(program.process.log_tail()))
        child = int(program.process.log_tail().split()[0])
        first = program.process.pid
        os.kill(first, signal.SIGKILL)

        watch_until(supervisor, lambda: program.process.pid != first)

        assert wait_until_gone([child], 2.0)

    def test_a_component_that_cannot_start_is_an_error_with_the_end_of_its_log(
        self, supervisor: Supervisor, folder: Path
    ) -> None:
        program = component(folder, "print('no such table: plans'); raise SystemExit(1)")
        program.ready = lambda: False
        supervisor.launch([program])
        with pytest.raises(ComponentFailedError, match="no such table: plans"):
            supervisor.wait_for()

    def test_stops_everything_last_started_first_even_when_frozen(self, folder: Path) -> None:
        supervisor = Supervisor(StopFlag(), lambda components: None)
        programs = [component(folder, SLEEPS, name) for name in ("first", "second")]
        supervisor.launch(programs)
        os.kill(programs[0].process.pid, signal.SIGSTOP)
        began = time.monotonic()

        supervisor.stop()

        assert [program.process.running() for program in programs] == [False, False]
        assert time.monotonic() - began < 5


class TestLeftovers:
    def test_ends_what_a_killed_launcher_noted(self, folder: Path) -> None:
        program = component(folder, SLEEPS)
        program.spawn()
        pid = program.process.pid
        end_recorded({"program": {"pid": pid, "started": started_at(pid)}})
        assert not program.process.running()

    def test_spares_a_process_that_only_has_the_number_of_the_old_one(self, folder: Path) -> None:
        program = component(folder, SLEEPS)
        program.spawn()
        try:
            end_recorded({"program": {"pid": program.process.pid, "started": "another boot:1"}})
            assert program.process.running()
        finally:
            program.process.stop()

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show another process's environment")
    def test_ends_a_group_member_whose_leader_is_gone_and_no_one_elses(self, folder: Path) -> None:
        ours = component(folder, SLEEPS, "ours", STACK_OF_THIS_TEST=str(folder))
        theirs = component(folder, SLEEPS, "theirs", STACK_OF_THIS_TEST=f"{folder}/other")
        ours.spawn()
        theirs.spawn()
        try:
            # A program that was only just forked still shows our environment.
            time.sleep(0.2)
            end_marked("STACK_OF_THIS_TEST", str(folder))
            assert not ours.process.running()
            assert theirs.process.running()
        finally:
            theirs.process.stop()
