"""A host as a process of its own: `URL LICENSE_KEY MODE [STATE]` takes a seat, tells of it in JSON, and ends somehow.

Modes: `exit` ends without giving the seat back, `raise` by an error, `wait` when its input ends, `fork` forks first.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from coditect_license import LicenseClient, LicensingError, Seat


def tell(**what: Any) -> None:
    """Say something to the test."""
    print(json.dumps(what), flush=True)  # noqa: T201  (how this process tells its test)


def child(client: LicenseClient, seat: Seat) -> None:
    """Live as a fork: the seat is the parent's, and the client works on."""
    try:
        seat.check()
        checked = "usable"
    except LicensingError as error:
        checked = error.code
    seat.release()
    tell(child=seat.status.state.value, checked=checked, validated=client.validate().code)


def main(url: str, license_key: str, mode: str, state: str = "") -> None:
    """Hold a seat."""
    client = LicenseClient(
        url,
        license_key=license_key,
        hardware_id="machine-0001",
        timeout=5.0,
        state_file=Path(state) if state else None,
    )
    seat = client.seat()
    seat.on("lost", lambda event: tell(lost=True))
    seat.acquire()
    tell(session=seat.session_id)
    if mode == "raise":
        raise RuntimeError("the host's own")
    if mode == "fork":
        with warnings.catch_warnings():
            # Python 3.12 and newer warn of every fork beside threads; that it goes well here is what is tested.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            child(client, seat)
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        seat.wake()
        tell(parent=seat.status.state.value, session=seat.session_id)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
