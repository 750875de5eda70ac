"""Tells an organization's owners what becomes of what they pay for; each thing once, by its business key."""

from datetime import datetime, timedelta

from django.conf import settings

from emails.catalogue import EmailKind
from emails.services import outbox
from organizations.selectors import get_organization, list_owners
from subscriptions.models import Invoice, Subscription, SubscriptionStatus
from subscriptions.services.standing import NO_GRACE_FROM


def confirm(*, subscription: Subscription) -> None:
    """Say that the subscription has begun."""
    trial_end = subscription.trial_end if subscription.status == SubscriptionStatus.TRIALING else None
    _tell(
        subscription,
        EmailKind.SUBSCRIPTION_CONFIRMED,
        about=f"{subscription.id}",
        link=False,
        max_seats=subscription.plan.max_seats,
        trial_ends_on=_day(trial_end),
    )


def trial_ends(*, subscription: Subscription) -> None:
    """Say that the trial ends in a few days and what will be charged then."""
    _tell(
        subscription,
        EmailKind.TRIAL_ENDING,
        about=f"{subscription.id}:{_day(subscription.trial_end)}",
        amount=_money(subscription.plan.price_cents, subscription.plan.currency),
        trial_ends_on=_day(subscription.trial_end),
    )


def renewed(*, subscription: Subscription, invoice: Invoice) -> None:
    """Say that a period is paid."""
    _tell(
        subscription,
        EmailKind.SUBSCRIPTION_RENEWED,
        about=f"{invoice.id}",
        amount=_money(invoice.amount_paid, invoice.currency),
        paid_until=_day(invoice.period_end),
    )


def payment_failed(*, subscription: Subscription, invoice: Invoice, attempt: int) -> None:
    """Say that a payment failed and until when everything goes on working; the third time, that it has stopped."""
    if attempt >= NO_GRACE_FROM:
        access_ended(subscription=subscription, invoice=invoice)
        return
    _tell(
        subscription,
        EmailKind.PAYMENT_FAILED_WARNING if attempt == 1 else EmailKind.PAYMENT_FAILED_URGENT,
        about=f"{invoice.id}",
        link=invoice.hosted_invoice_url or True,
        amount=_money(invoice.amount_due, invoice.currency),
        grace_ends_on=_day(subscription.grace_period_ends_at),
    )


def access_ended(*, subscription: Subscription, invoice: Invoice) -> None:
    """Say that the licence works no longer: the third payment failed, or the grace is over; once for an invoice."""
    _tell(
        subscription,
        EmailKind.LICENSE_SUSPENDED,
        about=f"{invoice.id}",
        link=invoice.hosted_invoice_url or True,
        amount=_money(invoice.amount_due, invoice.currency),
    )


def canceled(*, subscription: Subscription) -> None:
    """Say that the subscription ends on a day, or has ended; once, unless it was resumed and canceled again."""
    ends_at, planned = subscription.ended_at, subscription.cancel_at
    if planned is not None and (ends_at is None or abs(ends_at - planned) < timedelta(days=1)):
        ends_at = planned
    _tell(
        subscription,
        EmailKind.SUBSCRIPTION_CANCELED,
        about=f"{subscription.id}:{_day(ends_at)}",
        ends_on=_day(ends_at),
    )


def _tell(
    subscription: Subscription, kind: EmailKind, *, about: str, link: bool | str = True, **data: str | int
) -> None:
    """Queue a mail to each owner; `link` is where it leads, True for our own billing page."""
    organization = get_organization(organization_id=subscription.organization_id)
    if link:
        data["link"] = link if isinstance(link, str) else f"{settings.PUBLIC_URL}/app/billing"
    for owner in list_owners(organization_id=organization.id):
        outbox.queue(
            organization_id=organization.id,
            kind=kind,
            recipient=owner.email,
            dedup_key=f"{kind}:{about}:{owner.id}",
            data={
                "full_name": owner.full_name,
                "organization_name": organization.name,
                "plan_name": subscription.plan.name,
                **data,
            },
        )


def _day(moment: datetime | None) -> str:
    return f"{moment.day} {moment:%B %Y}" if moment else ""


def _money(amount: int, currency: str) -> str:
    sign = {"usd": "$", "eur": "€", "gbp": "£"}.get(currency)
    return f"{sign}{amount / 100:.2f}" if sign else f"{amount / 100:.2f} {currency.upper()}"
