"""Runs the stand-in alone: `python -m deploy.local.sendgrid --port N --api-key SG.… --webhook-url URL`."""

from __future__ import annotations

import argparse
import threading
import time
from typing import Any

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
    shown = told = 0
    try:
        while True:
            time.sleep(DELIVERED_AFTER_SECONDS)
            mails = list(server.sink.mails)
            for mail in mails[shown:]:
                print(f"{mail['body']['personalizations'][0]['to'][0]['email']}: {mail['subject']}", flush=True)
            shown = len(mails)
            if options.webhook_url and mails[told:] and tell(options.webhook_url, signer, mails[told:]):
                told = len(mails)
    except KeyboardInterrupt:
        server.shutdown()


def tell(url: str, signer: events.Signer, mails: list[dict[str, Any]]) -> bool:
    """Say that mails were processed and delivered; return whether that was heard. If not, it is said again."""
    body = events.batch(*(events.event(mail, name) for mail in mails for name in ("processed", "delivered")))
    try:
        status = events.post(url, signer, body)
    except OSError as error:
        print(f"events: {error}", flush=True)
        return False
    print(f"events: {status}", flush=True)
    return status < 300


if __name__ == "__main__":
    main()
