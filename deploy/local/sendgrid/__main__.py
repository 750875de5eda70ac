"""Runs the stand-in alone: `python -m deploy.local.sendgrid --port N --api-key SG.… --webhook-url URL`."""

from __future__ import annotations

import argparse
import threading
import time

from deploy.local.sendgrid import events
from deploy.local.sendgrid.server import Server, Sink

DELIVERED_AFTER_SECONDS = 1.0


def main() -> None:
    """Serve until interrupted; every mail is said to be processed and delivered a second after it was taken."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.sendgrid", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 picks a free one (it is printed)")
    parser.add_argument("--api-key", required=True, help="the only key that is let in")
    parser.add_argument("--webhook-url", help="where events are posted, …/api/v1/webhooks/sendgrid")
    options = parser.parse_args()
    signer = events.Signer()
    server = Server(Sink(options.api_key), options.port)
    print(f"SENDGRID_API_BASE={server.url}\nSENDGRID_WEBHOOK_PUBLIC_KEYS={signer.public_key}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told = 0
    try:
        while True:
            time.sleep(DELIVERED_AFTER_SECONDS)
            fresh, told = server.sink.mails[told:], len(server.sink.mails)
            for mail in fresh:
                print(f"{mail['body']['personalizations'][0]['to'][0]['email']}: {mail['subject']}", flush=True)
            if fresh and options.webhook_url:
                told_now = [events.event(mail, name) for mail in fresh for name in ("processed", "delivered")]
                print(f"events: {events.post(options.webhook_url, signer, events.batch(*told_now))}", flush=True)
    except KeyboardInterrupt:
        server.shutdown()


if __name__ == "__main__":
    main()
