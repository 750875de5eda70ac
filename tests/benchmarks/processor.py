"""What processes cost: the CPU time of a server with its workers, which a busy neighbour bends far less than rates."""

import os
from pathlib import Path

_PROC = Path("/proc")


def cpu_seconds(session: int) -> float | None:
    """Return the CPU time, user and system, that all processes of a session have used; None where there is no /proc.

    Servers are started as leaders of a session of their own, so their workers are all in it. Counted in ticks of 10 ms.
    """
    if not _PROC.exists():
        return None
    ticks = 0
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may itself hold spaces.
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
            continue
        if int(fields[3]) == session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
