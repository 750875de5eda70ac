"""Tells a delivery of SendGrid's event webhook from a forgery, and what its events mean for a mail."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings

from config.kernel import clock
from emails.errors import DeliveryRefused
from emails.models import EmailStatus, SuppressionReason

TOLERANCE_SECONDS = 600


@dataclass(frozen=True)
class Meaning:
    """What an event says about a mail: how far it came, and whether its address is to be left alone."""

    status: EmailStatus
    suppression: SuppressionReason | None = None


def verify(*, body: bytes, signature: str, timestamp: str) -> list[dict[str, str]]:
    """Return the events about mails of ours, if one of our keys signed the delivery within the last ten minutes.

    Raises DeliveryRefused. Each event comes as ids and codes: `id`, `event`, `type`, `reason`, `message_id`,
    `outbox_id`, `organization_id`; those about no mail of ours, and those that mean nothing to us, are left out.
    """
    # Ten digits until the year 2286; anything else is no time, and not worth converting.
    if not re.fullmatch(r"[0-9]{10}", timestamp):
        raise DeliveryRefused("The timestamp is missing or malformed.")
    if not any(_fits(key, signature, timestamp.encode() + body) for key in public_keys()):
        raise DeliveryRefused
    if abs(clock.now().timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise DeliveryRefused("The timestamp is not within ten minutes of now.")
    try:
        delivered = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DeliveryRefused("The body is not JSON.") from error
    if not isinstance(delivered, list):
        raise DeliveryRefused("The body is not a list of events.")
    return [event for raw in delivered if isinstance(raw, dict) for event in _ours(raw)]


def meaning(event: dict[str, str]) -> Meaning:
    """Return what a stored event says."""
    name, kind, reason = event["event"], event["type"], event["reason"].lower()
    if name == "bounce":
        # `blocked` is the mail server's answer to this mail; `bounce` is about the address.
        return Meaning(EmailStatus.BOUNCED, None if kind == "blocked" else SuppressionReason.BOUNCED)
    if name == "dropped":
        listed = {"bounced address": SuppressionReason.BOUNCED, "spam reporting address": SuppressionReason.COMPLAINED}
        return Meaning(EmailStatus.SUPPRESSED, listed.get(reason))
    if name == "spamreport":
        return Meaning(EmailStatus.DELIVERED, SuppressionReason.COMPLAINED)
    return Meaning(EmailStatus.DELIVERED if name == "delivered" else EmailStatus.SENT)


_TELLING = {"processed", "deferred", "delivered", "bounce", "dropped", "spamreport"}


def public_keys() -> tuple[ec.EllipticCurvePublicKey, ...]:
    """Return the keys of SENDGRID_WEBHOOK_PUBLIC_KEYS; raises ValueError for one that is no P-256 key."""
    return _parsed(tuple(settings.SENDGRID_WEBHOOK_PUBLIC_KEYS))


@lru_cache(maxsize=4)
def _parsed(encoded: tuple[str, ...]) -> tuple[ec.EllipticCurvePublicKey, ...]:
    return tuple(_parse(key) for key in encoded)


def _parse(encoded: str) -> ec.EllipticCurvePublicKey:
    key = load_der_public_key(base64.b64decode(encoded, validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a P-256 key")  # noqa: TRY004  (as for every other key that is none)
    return key


def _fits(key: ec.EllipticCurvePublicKey, signature: str, signed: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _ours(raw: dict[str, Any]) -> Iterator[dict[str, str]]:
    try:
        named = {name: str(UUID(raw[name])) for name in ("outbox_id", "organization_id")}
        event_id, name = raw["sg_event_id"], raw["event"]
    except (KeyError, ValueError, TypeError, AttributeError):
        return
    if not isinstance(name, str) or not isinstance(event_id, str):
        return
    if name in _TELLING and re.fullmatch(r"[\w=+/.-]{1,128}", event_id, re.ASCII):
        yield {
            "id": event_id,
            "event": name,
            "type": _text(raw.get("type")),
            "reason": _text(raw.get("reason")),
            "message_id": _text(raw.get("sg_message_id")).partition(".")[0],
            **named,
        }


def _text(value: object) -> str:
    """Return a short text for the record: nobody's address, no NUL and no half character, which PostgreSQL cannot hold.

    The words are a foreign mail server's: one event of a delivery must not keep all of it from being stored.
    """
    text = value if isinstance(value, str) else ""
    text = text[:2000].replace("\x00", "").encode(errors="replace").decode()
    return re.sub(r"\S+@\S+", "…", text)[:500]
