"""Tells an event that Stripe signed from everything else that may be posted to the webhook."""

import json
import time

import stripe
from django.conf import settings

from subscriptions.errors import WebhookRefused
from subscriptions.stripe.shapes import StripeEvent, event_from

TOLERANCE_SECONDS = 300


def verify(*, body: bytes, signature: str) -> tuple[StripeEvent, dict[str, object]]:
    """Return the event and its whole payload if one of our secrets signed it within the last five minutes.

    Raises WebhookRefused. Timestamps from the future are refused as well; the SDK alone would accept them.
    """
    if not _signed_at_is_plausible(signature):
        raise WebhookRefused("The signature is malformed or its timestamp is not within five minutes of now.")
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            stripe.WebhookSignature.verify_header(body.decode(), signature, secret, tolerance=TOLERANCE_SECONDS)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            continue
        try:
            payload = json.loads(body)
            return event_from(payload), payload
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise WebhookRefused("The body is not an event.") from error
    raise WebhookRefused


def _signed_at_is_plausible(signature: str) -> bool:
    if not signature.isascii():
        return False  # the SDK compares digests, which other text cannot be
    timestamps = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    # Unix time in ten digits; anything longer is no time, and not worth converting.
    if len(timestamps) != 1 or not timestamps[0].isascii() or not timestamps[0].isdigit() or len(timestamps[0]) > 10:
        return False
    return abs(time.time() - int(timestamps[0])) <= TOLERANCE_SECONDS
