"""Tells what became of mails, as SendGrid's event webhook does: in signed batches, more than once if one likes."""

from __future__ import annotations

import base64
import json
import secrets
import time
import urllib.error
import urllib.request
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"


class Signer:
    """A key pair of the event webhook (ECDSA, P-256)."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """Return the verification key as SendGrid shows it: base64 of the DER form."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def headers(self, body: bytes, *, age_seconds: int = 0) -> dict[str, str]:
        """Return the headers of a delivery signed `age_seconds` ago."""
        timestamp = str(int(time.time()) - age_seconds)
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}


def event(mail: dict[str, Any], name: str, **facts: Any) -> dict[str, Any]:
    """Return one event about a mail that was taken; `facts` add to it, as in `type="bounce", reason="550 nobody"`."""
    person = mail["body"]["personalizations"][0]
    return {
        "email": person["to"][0]["email"],
        "timestamp": int(time.time()),
        "event": name,
        "sg_event_id": base64.urlsafe_b64encode(secrets.token_bytes(18)).decode(),
        "sg_message_id": f"{mail['id']}.recvd-{secrets.token_hex(5)}-1-{secrets.token_hex(4).upper()}-1.0",
        "smtp-id": f"<{mail['id']}@geopod-ismtpd-1>",
        "category": mail["body"].get("categories", []),
        **mail["body"].get("custom_args", {}),
        **person.get("custom_args", {}),
        **facts,
    }


def batch(*events: dict[str, Any]) -> bytes:
    """Return the body of a delivery, in the very bytes that are signed."""
    return (",\r\n".join(json.dumps(each) for each in events)).join(["[", "]\r\n"]).encode()


def post(url: str, signer: Signer, body: bytes) -> int:
    """Deliver a batch; return the status it was answered with."""
    headers = {"Content-Type": "application/json", "User-Agent": "SendGrid Event API", **signer.headers(body)}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
