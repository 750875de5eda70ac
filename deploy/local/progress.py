"""What the person in front of the terminal sees: steps with their times, notes, and where everything is."""

import os
import sys
import time
from collections.abc import Callable

# Colours and rewriting of a line only for people: a log or a pipe gets plain lines.
FOR_PEOPLE = sys.stdout.isatty()


def paint(text: str, code: str) -> str:
    """The text in an ANSI style on a terminal, as it is elsewhere."""
    return f"\033[{code}m{text}\033[0m" if FOR_PEOPLE else text


def note(text: str, end: str = "\n") -> None:
    """Some text, at once. A reader that went away (`./dev run | head`) must not keep the stack from stopping."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    """One error for the person, on stderr."""
    print(paint("error: ", "31") + text, file=sys.stderr, flush=True)


class Step:
    """One named step: shown while it lasts on a terminal, with its time when it is done."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._clock = clock
        self._began = clock()
        self._shown = ""

    def waiting(self, what: str = "") -> None:
        """Show that it still goes on; called often, prints at most once a second and on a terminal only."""
        seconds = int(self._clock() - self._began)
        line = f"  …  {self.name:<10} {what} {seconds} s"
        if FOR_PEOPLE and seconds and line != self._shown:
            note(f"\r\033[K{line}", end="")
            self._shown = line

    def done(self, what: str = "ready") -> None:
        """Show the finished step and how long it took."""
        clear = "\r\033[K" if self._shown else ""
        note(f"{clear}  {paint('ok', '32')}  {self.name:<10} {what} {self._clock() - self._began:6.2f} s")
