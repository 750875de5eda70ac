"""What we have Stripe do, each with a plain frozen answer; `client` says what may go wrong."""

from uuid import UUID

from subscriptions.stripe import client


def create_customer(*, organization_id: UUID, name: str, email: str, idempotency_key: str) -> str:
    """Make the organization's customer and return its id; again with the same key it is the same one."""
    customer = client.write(
        lambda stripe, options: stripe.v1.customers.create(
            {"name": name, "email": email, "metadata": {"organization_id": str(organization_id)}}, options
        ),
        idempotency_key=idempotency_key,
        patience=client.SOMEBODY_WAITS,
    )
    return customer.id


def note_purchase(*, customer_id: str, metadata: dict[str, str], idempotency_key: str) -> None:
    """Say at the customer who is buying which plan; raises NotAtStripe when it has been deleted."""
    client.write(
        lambda stripe, options: stripe.v1.customers.update(customer_id, {"metadata": metadata}, options),
        idempotency_key=idempotency_key,
        patience=client.SOMEBODY_WAITS,
    )


def ensure_price(*, lookup_key: str, product_name: str, amount_cents: int, currency: str, interval: str) -> str:
    """Return the id of the active price with this lookup key, creating product and price when there is none.

    A price whose amount differs is replaced: the lookup key moves to a new one, and running subscriptions keep theirs.
    """
    found = client.read(
        lambda stripe: stripe.v1.prices.list({"lookup_keys": [lookup_key], "active": True, "limit": 1})
    ).data
    if found and found[0].unit_amount == amount_cents and found[0].currency == currency:
        return found[0].id
    kept = found[0].product if found else None
    product_id = _create_product(product_name) if kept is None else kept if isinstance(kept, str) else kept.id
    price = client.write(
        lambda stripe, options: stripe.v1.prices.create(
            {
                "product": product_id,
                "currency": currency,
                "unit_amount": amount_cents,
                "recurring": {"interval": interval},
                "lookup_key": lookup_key,
                "transfer_lookup_key": True,
            },
            options,
        ),
        idempotency_key=f"price:{product_id}:{lookup_key}:{currency}:{amount_cents}:{kept and found[0].id}",
    )
    return price.id


def _create_product(name: str) -> str:
    product = client.write(
        lambda stripe, options: stripe.v1.products.create({"name": name}, options), idempotency_key=f"product:{name}"
    )
    return product.id
