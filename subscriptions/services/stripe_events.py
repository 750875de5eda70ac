"""Leads each of Stripe's events to what it changes, and marks it completed in the same transaction."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from subscriptions.models import FlagKind, Subscription, SubscriptionStatus, WebhookEvent, WebhookStatus
from subscriptions.services import (
    billing_mails,
    checkout_news,
    customers,
    flags,
    returned_payments,
    subscription_sync,
)
from subscriptions.services.invoice_mirror import Failure
from subscriptions.stripe.errors import NotAtStripe
from subscriptions.stripe.shapes import invoice_id_of, subscription_id_of

Json = dict[str, Any]


def apply(*, event: WebhookEvent) -> None:
    """Apply one event and mark it completed in the same transaction; one about nothing of ours is completed unapplied.

    Raises EventNotApplicable when it cannot be applied (yet), PaymentProviderUnavailable when Stripe does not answer.
    """
    payload: Json = event.payload or {}
    about: Json = payload["data"]["object"]
    kind = event.event_type
    if kind in _HANDLERS:
        _HANDLERS[kind](event, about)
    elif kind.startswith("charge.dispute."):
        returned_payments.note_dispute(dispute_id=about["id"], then=lambda: complete(event))
    elif kind.startswith(("customer.subscription.", "invoice.", "checkout.session.")):
        _sync(event, about)
    else:
        complete(event)


def complete(event: WebhookEvent) -> None:
    """Mark an event as applied."""
    with transaction.atomic():
        WebhookEvent.objects.filter(id=event.id).update(status=WebhookStatus.COMPLETED, error="", processed_at=Now())


def _sync(
    event: WebhookEvent, about: Json, *, also: Callable[[Subscription], None] = lambda subscription: None
) -> None:
    """Bring the subscription that an event is about up to date; `also` belongs to the same transaction."""
    subscription_id = subscription_id_of(event.event_type, about)
    if subscription_id is None:
        complete(event)
        return

    def then(subscription: Subscription) -> None:
        also(subscription)
        complete(event)

    subscription_sync.sync(
        stripe_subscription_id=subscription_id,
        stripe_invoice_id=invoice_id_of(event.event_type, about),
        failure=_failure(event, about),
        then=then,
    )


def _failure(event: WebhookEvent, about: Json) -> Failure | None:
    """Return the failed attempt that an event tells of: which and when only the event knows, not the invoice."""
    if event.event_type != "invoice.payment_failed" or event.occurred_at is None:
        return None
    return Failure(invoice_id=about["id"], attempt=int(about.get("attempt_count") or 1), failed_at=event.occurred_at)


def _deleted(event: WebhookEvent, about: Json) -> None:
    """A subscription that Stripe does not even know any more has ended all the same."""
    try:
        _sync(event, about)
    except NotAtStripe:
        subscription_sync.end(stripe_subscription_id=about["id"], then=lambda: complete(event))


def _trial_will_end(event: WebhookEvent, about: Json) -> None:
    def also(subscription: Subscription) -> None:
        if subscription.status == SubscriptionStatus.TRIALING and subscription.duplicate_of_id is None:
            billing_mails.trial_ends(subscription=subscription)

    _sync(event, about, also=also)


def _finalization_failed(event: WebhookEvent, about: Json) -> None:
    def also(subscription: Subscription) -> None:
        flags.put_up(subscription=subscription, kind=FlagKind.INVOICE_NOT_FINALIZED, stripe_object_id=about["id"])

    _sync(event, about, also=also)


def _checkout_completed(event: WebhookEvent, about: Json) -> None:
    def also(subscription: Subscription) -> None:
        checkout_news.complete(about["id"], subscription, paid_at=event.occurred_at)

    _sync(event, about, also=also)


def _checkout_over(event: WebhookEvent, about: Json) -> None:
    checkout_news.expire(stripe_session_id=about["id"], then=lambda: complete(event))


def _refunded(event: WebhookEvent, about: Json) -> None:
    returned_payments.note_refund(charge_id=about["id"], then=lambda: complete(event))


def _customer_deleted(event: WebhookEvent, about: Json) -> None:
    customers.forget(stripe_customer_id=about["id"], then=lambda: complete(event))


_HANDLERS: dict[str, Callable[[WebhookEvent, Json], None]] = {
    "checkout.session.completed": _checkout_completed,
    "checkout.session.async_payment_succeeded": _checkout_completed,
    "checkout.session.async_payment_failed": _checkout_over,
    "checkout.session.expired": _checkout_over,
    "customer.subscription.deleted": _deleted,
    "customer.subscription.trial_will_end": _trial_will_end,
    "invoice.finalization_failed": _finalization_failed,
    "charge.refunded": _refunded,
    "customer.deleted": _customer_deleted,
}
