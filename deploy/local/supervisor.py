"""Starting components together, bringing back what dies, stopping all in reverse order. One thread, no locks."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from deploy.local.postgres_cluster import PostgresError
from deploy.local.process import Process
from deploy.local.progress import Step, note

POLL_SECONDS = 0.02
WATCH_SECONDS = 0.05
# A component that lived this long has recovered; the next death is a first one again.
STABLE_SECONDS = 20.0
SETTLED_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 15.0


class StopRequestedError(Exception):
    """The person (or the system) asked the launcher to stop while something was still being started."""


class ComponentFailedError(RuntimeError):
    """A component did not come up; the message ends with its log."""


class StopFlag:
    """Set by SIGINT, SIGTERM and SIGHUP. A flag and no exception: a child must never get lost between fork and note."""

    def __init__(self) -> None:
        self.requested = False

    def install(self) -> None:
        """Take over the signals that mean "stop"."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle)

    def check(self) -> None:
        """Raise StopRequestedError when a stop was asked for."""
        if self.requested:
            raise StopRequestedError

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True


@dataclass(slots=True)
class Component:
    """One supervised program: how it starts, how to tell that it serves, and where."""

    name: str
    process: Process
    spawn: Callable[[], None]
    ready: Callable[[], bool]
    url: str | None
    # What to do before it is started again after a death, beyond ending its group.
    tidy: Callable[[], None] = lambda: None
    start_timeout: float = 60.0
    deaths: int = 0
    spawned_at: float = 0.0
    serving: bool = False
    restart_at: float | None = field(default=None)

    def describe_end(self) -> str:
        """How the last instance ended, for a person."""
        code = self.process.exit_code
        if code is None:
            return "could not be started"
        return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"


class Supervisor:
    """All running components, in the order in which they were started."""

    def __init__(self, stop: StopFlag, on_change: Callable[[Sequence[Component]], None]) -> None:
        self.stop_flag = stop
        self._on_change = on_change
        self._components: list[Component] = []
        self._steps: dict[str, Step] = {}

    def launch(self, components: Sequence[Component]) -> None:
        """Start components side by side, without waiting for any. Raises StopRequestedError."""
        for component in components:
            self.stop_flag.check()
            self._steps[component.name] = Step(component.name)
            self._components.append(component)
            self._spawn(component)

    def wait_for(self, *names: str) -> None:
        """Return when the named components serve (all, when none is named); those already serving are passed over.

        Raises ComponentFailedError when one ends or takes too long, StopRequestedError.
        """
        pending = [each for each in self._components if not each.serving and (each.name in names or not names)]
        while pending:
            self.stop_flag.check()
            # Every one of them: a worker that crashed while the web was still loading is no stack that serves.
            for component in self._components:
                self._fail_if_hopeless(component)
            for component in list(pending):
                if component.ready():
                    component.serving = True
                    pending.remove(component)
                    self._steps[component.name].done()
                else:
                    self._steps[component.name].waiting("starting")
            time.sleep(POLL_SECONDS)

    def watch(self) -> None:
        """Bring back whatever dies until a stop is asked for."""
        while not self.stop_flag.requested:
            self.look()
            time.sleep(WATCH_SECONDS)

    def look(self) -> None:
        """One round of watching: note who died, bring back whose pause is over."""
        for component in self._components:
            self._look_after(component)

    @property
    def has_components(self) -> bool:
        """Whether anything was started that has not been stopped since."""
        return bool(self._components)

    def stop(self) -> None:
        """Stop all in reverse order of their start; nothing of theirs is left."""
        for component in reversed(self._components):
            component.process.stop()
        self._components.clear()

    def _fail_if_hopeless(self, component: Component) -> None:
        dead = not component.process.running()
        if not dead and (component.serving or time.monotonic() - component.spawned_at < component.start_timeout):
            return
        why = component.describe_end() if dead else f"was not ready within {component.start_timeout:.0f} s"
        raise ComponentFailedError(
            f"{component.name} {why}. The end of its log ({component.process.log}):\n{component.process.log_tail()}"
        )

    def _spawn(self, component: Component) -> None:
        component.spawned_at = time.monotonic()
        component.serving = False
        component.restart_at = None
        component.spawn()
        self._on_change(self._components)

    def _look_after(self, component: Component) -> None:
        if component.restart_at is not None:
            if time.monotonic() >= component.restart_at:
                self._bring_back(component)
        elif not component.process.running():
            self._plan_restart(component)
        elif not component.serving and component.ready() and self._settled(component):
            component.serving = True
            note(f"{component.name} is back after {time.monotonic() - component.spawned_at:.1f} s")

    @staticmethod
    def _settled(component: Component) -> bool:
        # What cannot be asked whether it serves is believed only when it has not crashed for a while.
        return component.url is not None or time.monotonic() - component.spawned_at > SETTLED_SECONDS

    def _plan_restart(self, component: Component) -> None:
        # Its children may hold its port: nothing of it may survive it.
        component.process.kill_group()
        lived = time.monotonic() - component.spawned_at
        component.deaths = 1 if lived > STABLE_SECONDS else component.deaths + 1
        # At once the first time; a crash loop is slowed down, and never given up.
        pause = 0.0 if component.deaths == 1 else min(0.5 * 2 ** (component.deaths - 2), LONGEST_PAUSE_SECONDS)
        component.restart_at = time.monotonic() + pause
        when = f"restarting in {pause:.1f} s" if pause else "restarting"
        again = f" for the {component.deaths}. time" if component.deaths > 1 else ""
        note(f"{component.name} {component.describe_end()}{again}; {when} (log: {component.process.log})")

    def _bring_back(self, component: Component) -> None:
        try:
            component.tidy()
            self._spawn(component)
        except (OSError, PostgresError) as error:
            note(f"{component.name} could not be started: {error}")
            self._plan_restart(component)
