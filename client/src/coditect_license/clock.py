"""The clock that leases are counted on: it goes on while the machine is suspended, and nobody can set it."""

from __future__ import annotations

import sys
import time


def seconds() -> float:
    """Return seconds since some moment in the past.

    Linux has a clock of its own for that. On macOS CLOCK_MONOTONIC counts suspend and `time.monotonic` does not; on
    Windows `time.monotonic` does.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()
