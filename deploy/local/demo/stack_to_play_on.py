"""The stack that `./dev demo` plays against: the running one of this home, else one for the time of the demo."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from deploy.local.demo.api_client import DemoFailedError
from deploy.local.home import ROOT, Home
from deploy.local.ports import DEFAULT_WEB_PORT, LOOPBACK, free_port, is_free
from deploy.local.progress import note
from deploy.local.stack import answers_200

START_TIMEOUT_SECONDS = 180.0


@contextlib.contextmanager
def stack_for_demo(home: Home) -> Iterator[str]:
    """The URL of a stack that serves; one that was started for this is stopped afterwards, its data is kept."""
    holder = home.holder()
    if holder:
        note(f"Playing against the stack that runs at {holder.url}")
        yield holder.url
        return
    port = os.environ.get("PORT") or str(DEFAULT_WEB_PORT if is_free(DEFAULT_WEB_PORT) else free_port())
    note("No stack runs here: starting one for the time of the demo")
    # Its output is shown: the first start ever prints the admin's password, which must not get lost.
    launcher = subprocess.Popen(
        [sys.executable, "-m", "deploy.local", "run"], cwd=ROOT, env=os.environ | {"PORT": port}
    )
    try:
        yield _wait_for(launcher, f"http://{LOOPBACK}:{port}")
    finally:
        launcher.send_signal(signal.SIGTERM)
        launcher.wait()


def _wait_for(launcher: subprocess.Popen[bytes], url: str) -> str:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not answers_200(f"{url}/health/ready"):
        if launcher.poll() is not None:
            raise DemoFailedError("the stack did not start; the reason stands above")
        if time.monotonic() > deadline:
            raise DemoFailedError(f"the stack was not ready within {START_TIMEOUT_SECONDS:.0f} s")
        time.sleep(0.1)
    return url
