"""Money that left again: refunds and disputes. All of it back suspends the licence; anything goes before a person."""

from collections.abc import Callable
from uuid import UUID

from config.kernel import tasks
from config.kernel.tenancy import organization_context, system_context
from organizations.services import billing_state
from subscriptions.errors import EventNotApplicable
from subscriptions.models import FlagKind, Invoice, Subscription
from subscriptions.services import flags, standing, subscription_sync
from subscriptions.stripe import reads
from subscriptions.stripe.shapes import StripeCharge


def note_refund(*, charge_id: str, then: Callable[[], None]) -> None:
    """Flag a refund; one in full takes the payment off the subscription. `then` belongs to the same transaction."""
    charge = reads.fetch_charge(charge_id=charge_id)
    kind = FlagKind.FULL_REFUND if charge.is_refunded_in_full else FlagKind.PARTIAL_REFUND
    _note(charge, kind=kind, about=charge.id, paid_back=charge.is_refunded_in_full or None, then=then)


def note_dispute(*, dispute_id: str, then: Callable[[], None]) -> None:
    """Flag a dispute; a lost one takes the payment off the subscription. `then` belongs to the same transaction.

    One that is won, also after it had been lost, puts it back, unless it was refunded as well.
    """
    dispute = reads.fetch_dispute(dispute_id=dispute_id)
    kind = FlagKind.DISPUTE_LOST if dispute.status == "lost" else FlagKind.DISPUTE_OPENED
    charge = reads.fetch_charge(charge_id=dispute.charge_id)
    decided = {"lost": True, "won": charge.is_refunded_in_full}
    _note(charge, kind=kind, about=dispute.id, paid_back=decided.get(dispute.status), then=then)


def _note(
    charge: StripeCharge, *, kind: FlagKind, about: str, paid_back: bool | None, then: Callable[[], None]
) -> None:
    """Flag what happened to a charge and, unless `paid_back` is None, whether its invoice is paid still."""
    invoice_id = reads.find_invoice_of(charge=charge)
    found = _whose(invoice_id) if invoice_id is not None else None
    if found is None:
        then()  # a charge for nothing that we sold
        return
    organization_id, subscription_id = found
    with organization_context(organization_id):
        billing_state.lock(organization_id=organization_id)
        subscription = Subscription.objects.select_for_update(no_key=True).get(id=subscription_id)
        flags.put_up(subscription=subscription, kind=kind, stripe_object_id=about)
        if paid_back is not None:
            Invoice.objects.filter(stripe_invoice_id=invoice_id).update(paid_back=paid_back)
            standing.refresh(subscription=subscription)
            subscription.save()
            tasks.enqueue(
                "licenses.apply_subscription", organization_id=organization_id, subscription_id=subscription_id
            )
        then()


def _whose(invoice_id: str) -> tuple[UUID, UUID] | None:
    """Return organization and subscription of an invoice, fetching what we have not been told of yet."""
    found = _known(invoice_id)
    if found is None:
        stripe_subscription_id = reads.fetch_invoice(invoice_id=invoice_id).subscription_id
        if stripe_subscription_id is None:
            return None
        subscription_sync.sync(stripe_subscription_id=stripe_subscription_id, stripe_invoice_id=invoice_id)
        found = _known(invoice_id)
    if found is None:
        raise EventNotApplicable(f"the invoice {invoice_id} is not known")
    return found


def _known(invoice_id: str) -> tuple[UUID, UUID] | None:
    with system_context(reason="find whose payment was returned"):
        row = Invoice.objects.filter(stripe_invoice_id=invoice_id).first()
    return (row.organization_id, row.subscription_id) if row else None
