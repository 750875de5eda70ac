"""Tells an event that Stripe signed from everything else that may be posted to the webhook."""

import json
import logging
import time

import stripe
from django.conf import settings

from subscriptions.errors import WebhookOfOtherMode, WebhookRefused
from subscriptions.stripe.shapes import StripeEvent, event_from

logger = logging.getLogger(__name__)

TOLERANCE_SECONDS = 300


def verify(*, body: bytes, signature: str) -> tuple[StripeEvent, dict[str, object]]:
    """Return the event and its whole payload if one of our secrets signed it within the last five minutes.

    Raises WebhookRefused, and of an event of the other mode (test, live) WebhookOfOtherMode. Timestamps from the
    future are refused as well; the SDK alone would accept them.
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
            event = event_from(payload)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise WebhookRefused("The body is not an event.") from error
        refuse_other_mode(event)
        return event, payload
    raise WebhookRefused


def refuse_other_mode(event: StripeEvent) -> None:
    """Raise WebhookOfOtherMode unless the event is of the mode that our key is of."""
    if event.livemode != settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_")):
        logger.error("webhook event %.128s has livemode %s, which is not ours", event.id, event.livemode)
        raise WebhookOfOtherMode


def _signed_at_is_plausible(signature: str) -> bool:
    if not signature.isascii():
        return False  # the SDK compares digests, which other text cannot be
    timestamps = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    # Unix time in ten digits; anything longer is no time, and not worth converting.
    if len(timestamps) != 1 or not timestamps[0].isascii() or not timestamps[0].isdigit() or len(timestamps[0]) > 10:
        return False
    return abs(time.time() - int(timestamps[0])) <= TOLERANCE_SECONDS
