"""The one way to Stripe: an explicit client of a pinned version, one layer of retries, and what failures become."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import stripe
from django.conf import settings
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from subscriptions.errors import PaymentDeclined, PaymentProviderUnavailable
from subscriptions.stripe.errors import NotAtStripe, RefusedByStripe

API_VERSION = "2026-10-28.endive"
"""Pinned: the field paths in `shapes` were written for it. The webhook endpoint is created with the same."""

Answer = TypeVar("Answer")
RETRY_AFTER_SECONDS = 5


class OtherTrain(RuntimeError):
    """The SDK speaks another release train of Stripe's API than the one this code was written for."""


@dataclass(frozen=True)
class Patience:
    """How long one try may take, in seconds, and how many there are."""

    seconds: float
    tries: int


SOMEBODY_WAITS = Patience(seconds=8, tries=2)
NOBODY_WAITS = Patience(seconds=20, tries=3)


def refuse_other_train(*, pinned: str = API_VERSION, sdk: str = str(stripe.api_version)) -> None:
    """Raise OtherTrain unless pinned version and SDK are of one train (`endive`); called before a process serves."""
    if pinned.rpartition(".")[2] != sdk.rpartition(".")[2]:
        raise OtherTrain(f"Stripe's API is pinned to {pinned}, but the SDK was made for {sdk}")


def read(call: Callable[[stripe.StripeClient], Answer], *, patience: Patience = NOBODY_WAITS) -> Answer:
    """Ask Stripe something. Raises NotAtStripe, RefusedByStripe, PaymentProviderUnavailable."""
    return _patiently(lambda: call(_client(patience.seconds)), patience)


def write(
    call: Callable[[stripe.StripeClient, stripe.RequestOptions], Answer],
    *,
    idempotency_key: str,
    patience: Patience = NOBODY_WAITS,
) -> Answer:
    """Have Stripe do something once, however often it is tried: every try carries the caller's key.

    What creates or moves money is called through `services.operations`, which keeps the key over a crash as well.
    Raises NotAtStripe, RefusedByStripe, PaymentDeclined, PaymentProviderUnavailable.
    """
    options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
    return _patiently(lambda: call(_client(patience.seconds), options), patience)


def _client(seconds: float) -> stripe.StripeClient:
    return _connected(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, seconds)


@lru_cache(maxsize=8)
def _connected(secret_key: str, api_base: str, seconds: float) -> stripe.StripeClient:
    extra: dict[str, Any] = {"base_addresses": {"api": api_base}} if api_base else {}
    return stripe.StripeClient(
        secret_key,
        stripe_version=API_VERSION,
        max_network_retries=0,  # the retries are ours, below; two layers would multiply
        http_client=stripe.RequestsClient(timeout=seconds),
        **extra,
    )


def _patiently(call: Callable[[], Answer], patience: Patience) -> Answer:
    tries = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(patience.tries),
        wait=wait_random_exponential(multiplier=0.25, max=2),
        reraise=True,
    )
    try:
        return tries(call)
    except stripe.CardError as error:
        raise PaymentDeclined(error.user_message) from error
    except stripe.InvalidRequestError as error:
        refusal = NotAtStripe if error.code == "resource_missing" else RefusedByStripe
        raise refusal(f"{error.code}: {error.user_message} ({error.param})") from error
    except stripe.StripeError as error:
        if _is_passing(error):
            raise PaymentProviderUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
        raise RefusedByStripe(f"{type(error).__name__}: {error.user_message}") from error


def _may_pass(error: BaseException) -> bool:
    """Return whether the same request may succeed a moment later; where Stripe says whether, it is believed."""
    return _is_passing(error) and (getattr(error, "headers", None) or {}).get("stripe-should-retry") != "false"


def _is_passing(error: BaseException) -> bool:
    """Return whether it is not about the request: no connection, somebody's lock, too many at once, an outage."""
    if isinstance(error, stripe.APIConnectionError):
        return True
    status = (error.http_status if isinstance(error, stripe.StripeError) else None) or 0
    return status in (409, 429) or status >= 500
