"""TCP ports on loopback: choosing a free one, telling a taken one."""

import socket

LOOPBACK = "127.0.0.1"
DEFAULT_WEB_PORT = 8000


def free_port() -> int:
    """A port nobody listens on now. Another program may take it before it is used; callers report that plainly."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could bind the port now; a lingering TIME_WAIT of an earlier run does not count as taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def kept_or_free(port: int | None) -> int:
    """The port of the last run while it is still free, so that addresses stay the same from run to run."""
    return port if port is not None and is_free(port) else free_port()
