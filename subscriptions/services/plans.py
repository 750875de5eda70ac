"""Keeps Stripe's prices in step with our price list."""

from subscriptions.models import Plan, PlanPrice
from subscriptions.stripe import gateway


def sync_with_stripe() -> list[Plan]:
    """Make sure that each plan has its price at Stripe, and remember its id; return the plans that changed.

    Run at each deployment, as the role that owns the tables: serving processes may only read plans.
    """
    changed = []
    for plan in Plan.objects.order_by("price_cents"):
        price_id = gateway.ensure_price(
            lookup_key=plan.lookup_key,
            product_name=f"CODITECT {plan.name}",
            amount_cents=plan.price_cents,
            currency=plan.currency,
            interval=plan.interval,
        )
        # Former prices stay: running subscriptions keep them.
        PlanPrice.objects.bulk_create([PlanPrice(plan=plan, stripe_price_id=price_id)], ignore_conflicts=True)
        if plan.stripe_price_id != price_id:
            plan.stripe_price_id = price_id
            plan.save(update_fields=["stripe_price_id"])
            changed.append(plan)
    return changed
