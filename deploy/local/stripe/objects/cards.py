"""The card of a customer as a charge meets it: good, declined, asking for its holder, or not there."""

from __future__ import annotations

from deploy.local.stripe.context import Context

STATES = ("good", "declined", "requires_action", "none")


def state(ctx: Context, customer: str) -> str:
    """What happens when the customer is charged now; nobody has a card before a Checkout is paid with one."""
    found: str = ctx.tx.hidden(customer).get("card", "none")
    return found


def put(ctx: Context, customer: str, card: str) -> None:
    """From now on the customer's card is in this state."""
    ctx.tx.set_hidden(customer, {**ctx.tx.hidden(customer), "card": card})
