"""Runs the stand-in: `python -m deploy.local.stripe --port N --data DIR --webhook-url URL --webhook-secret whsec_…`."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from deploy.local.stripe import webhook_endpoints
from deploy.local.stripe.app import build
from deploy.local.stripe.deliveries import Deliveries
from deploy.local.stripe.store import Store
from deploy.local.stripe.timekeeper import Timekeeper

log = logging.getLogger("stripe.http")

# Loopback only: the control routes and the pages need no key.
HOST = "127.0.0.1"


class Handler(WSGIRequestHandler):
    """Answers on HTTP/1.1 connections, with plain log lines instead of the development server's coloured ones."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """One line for each request; never its body, which may hold secrets."""
        log.info("%s %s %s", self.command, self.path, code)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.stripe", description="A local stand-in for Stripe.")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free one (it is printed)")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything between runs")
    parser.add_argument("--webhook-url", required=True, help="where events are delivered")
    parser.add_argument("--webhook-secret", required=True, help="signs them, whsec_…")
    parser.add_argument("--api-key", help="the only secret key that is let in (default: any sk_test_…)")
    return parser.parse_args()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    store = Store(options.data)
    webhook_endpoints.register(store, options.webhook_url, options.webhook_secret)
    # The port is known only once it is bound, and the application needs it for its links.
    server = make_server(HOST, options.port, lambda *_: [], threaded=True, request_handler=Handler)
    base_url = f"http://{HOST}:{server.server_port}"
    store.move_to(base_url)
    timekeeper = Timekeeper(store, base_url)
    server.app = build(store, timekeeper, api_key=options.api_key, base_url=base_url)
    background = (Deliveries(store), timekeeper)
    for task in background:
        task.start()

    def stop(signum: int, frame: object) -> None:
        # shutdown() waits for the serving loop, which is this very thread: it must be asked from another one.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"Stripe stand-in on {base_url}", flush=True)
    server.serve_forever(poll_interval=0.05)
    for task in background:
        task.stop()


if __name__ == "__main__":
    main()
