"""Has Stripe do something exactly once: the idempotency key is written down before it is asked, the outcome after.

A process may die at any point in between, and two may try at once: all of them ask with one key, so Stripe does it once
and tells each the same.
"""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from config.kernel import clock
from config.kernel.tenancy import organization_context
from subscriptions.models import OperationKind, StripeOperation

KEY_LASTS = timedelta(hours=23)
"""Stripe forgets a key after 24 hours."""


def carry_out(*, organization_id: UUID, kind: OperationKind, about: str, order: Callable[[str], str]) -> str:
    """Have Stripe do `order` (it is given the idempotency key) and return its result; once done, only return that.

    Call it outside a transaction. A key that Stripe may have forgotten is replaced, so an `order` must be one that
    Stripe itself refuses the second time (a cancellation, a refund), or whose double costs nothing (a customer).
    """
    with organization_context(organization_id):
        operation = _written_down(organization_id, kind, about)
    if operation.done_at is not None:
        return operation.result
    result = order(str(operation.idempotency_key))
    with organization_context(organization_id):
        StripeOperation.objects.filter(id=operation.id).update(result=result, done_at=Now())
    return result


def retire(*, organization_id: UUID, kind: OperationKind, about: str) -> None:
    """Let something be done anew, since what it made is gone at Stripe. In the caller's context."""
    for operation in StripeOperation.objects.filter(organization_id=organization_id, kind=kind, about=about):
        StripeOperation.objects.filter(id=operation.id).update(about=f"{about}:{operation.result}")


def _written_down(organization_id: UUID, kind: OperationKind, about: str) -> StripeOperation:
    now = clock.now()
    row = StripeOperation(organization_id=organization_id, kind=kind, about=about, key_made_at=now)
    StripeOperation.objects.bulk_create([row], ignore_conflicts=True)
    operation = StripeOperation.objects.select_for_update(no_key=True).get(
        organization_id=organization_id, kind=kind, about=about
    )
    if operation.done_at is None and operation.key_made_at < now - KEY_LASTS:
        operation.idempotency_key, operation.key_made_at = row.idempotency_key, now
        operation.save(update_fields=["idempotency_key", "key_made_at"])
    return operation
