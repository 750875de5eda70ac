"""The command `./dev demo`; its own program, so that starting the stack need not load what only the demo uses."""

import sys

from deploy.local.demo.api_client import DemoFailedError
from deploy.local.demo.journey import play
from deploy.local.demo.stack_to_play_on import stack_for_demo
from deploy.local.home import Home
from deploy.local.progress import complain


def main() -> int:
    """Play the customer's journey; the exit code is 0 when every step went as the product promises."""
    try:
        with stack_for_demo(Home.of_this_shell()) as url:
            play(url)
    except DemoFailedError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
