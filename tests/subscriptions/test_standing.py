"""What invoices make of a subscription, without a database: the dunning rule of the contract."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from licenses.rules import Claim, claim
from licenses.transitions import Verb
from subscriptions.models import CYCLE, Invoice, InvoiceStatus, SubscriptionStatus
from subscriptions.services.standing import debt_of

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def renewal(*, created: timedelta = DAY * 0, status: str = InvoiceStatus.OPEN, **fields: Any) -> Invoice:
    """Return an invoice for a period; times are told as distances from noon."""
    fields.setdefault("billing_reason", CYCLE)
    for name, value in fields.items():
        if isinstance(value, timedelta):
            fields[name] = NOON + value
    return Invoice(stripe_created_at=NOON + created, finalized_at=NOON + created, status=status, **fields)


def grace(**fields: Any) -> timedelta | None:
    """Return how long after noon the grace of one unpaid renewal ends, None when none is left."""
    debt = debt_of([renewal(**fields)])
    assert debt is not None
    return debt.grace_ends_at - NOON if debt.grace_ends_at else None


class TestGrace:
    def test_is_seven_days_from_the_first_failure(self) -> None:
        assert grace(attempt_count=1, first_failed_at=DAY) == 8 * DAY

    def test_counts_from_the_charge_where_the_first_failure_was_not_told(self) -> None:
        assert grace(attempt_count=1) == 7 * DAY

    def test_is_three_days_from_the_second_failure(self) -> None:
        assert grace(attempt_count=2, first_failed_at=DAY, second_failed_at=3 * DAY) == 6 * DAY

    def test_is_not_made_longer_by_the_second_failure(self) -> None:
        assert grace(attempt_count=2, first_failed_at=DAY, second_failed_at=7 * DAY) == 8 * DAY

    def test_does_not_depend_on_which_failure_was_told_first(self) -> None:
        assert grace(attempt_count=2, second_failed_at=3 * DAY) == 6 * DAY

    def test_is_none_after_the_third_failure(self) -> None:
        told = {"first_failed_at": DAY, "second_failed_at": 2 * DAY, "third_failed_at": 3 * DAY}
        assert grace(attempt_count=3, **told) is None
        assert grace(attempt_count=4, **told) is None
        assert grace(attempt_count=3) is None

    def test_that_was_over_before_the_third_failure_stays_over(self) -> None:
        told = {"first_failed_at": DAY, "second_failed_at": 2 * DAY, "third_failed_at": 9 * DAY}
        assert grace(attempt_count=3, **told) == 5 * DAY


class TestDebt:
    @pytest.mark.parametrize("reason", ["subscription_create", "subscription_update", "manual"])
    def test_is_never_a_first_payment_or_a_proration(self, reason: str) -> None:
        assert debt_of([renewal(billing_reason=reason, attempt_count=3)]) is None

    @pytest.mark.parametrize("status", [InvoiceStatus.DRAFT, InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE])
    def test_is_not_what_nobody_collects(self, status: str) -> None:
        assert debt_of([renewal(status=status, attempt_count=1)]) is None

    def test_is_not_what_was_never_tried(self) -> None:
        assert debt_of([renewal(attempt_count=0)]) is None

    def test_of_one_that_is_past_due_is_also_what_was_never_tried_and_what_was_written_off(self) -> None:
        for status, attempts in [(InvoiceStatus.OPEN, 0), (InvoiceStatus.UNCOLLECTIBLE, 1)]:
            found = debt_of([renewal(status=status, attempt_count=attempts)], past_due=True)
            assert found is not None
            assert (found.failed_count, found.grace_ends_at) == (1, NOON + 7 * DAY)

    @pytest.mark.parametrize("status", [InvoiceStatus.DRAFT, InvoiceStatus.VOID])
    def test_of_one_that_is_past_due_is_not_what_is_not_asked_for(self, status: str) -> None:
        assert debt_of([renewal(status=status, attempt_count=1)], past_due=True) is None

    def test_is_the_oldest_since_the_last_payment(self) -> None:
        unpaid = [renewal(created=DAY * days, attempt_count=1) for days in (0, 30, 60)]
        paid = renewal(created=DAY * 15, status=InvoiceStatus.PAID, attempt_count=1)
        found = debt_of([unpaid[0], paid, *unpaid[1:]])
        assert found is not None
        assert found.invoice is unpaid[1]

    def test_ends_with_a_later_payment(self) -> None:
        paid = renewal(created=DAY * 30, status=InvoiceStatus.PAID, attempt_count=1)
        assert debt_of([renewal(attempt_count=3), paid]) is None


class TestClaim:
    def asked(
        self, status: str, count: int = 0, ends: timedelta | None = None, *, returned: bool = False
    ) -> Claim | None:
        """Return what a subscription asks for at noon."""
        return claim(
            status=status,
            failed_payment_count=count,
            grace_period_ends_at=NOON + ends if ends is not None else None,
            payment_returned=returned,
            now=NOON,
        )

    @pytest.mark.parametrize(
        ("status", "asked"),
        [
            (SubscriptionStatus.TRIALING, Claim(Verb.RENEW)),
            (SubscriptionStatus.ACTIVE, Claim(Verb.RENEW)),
            (SubscriptionStatus.PAST_DUE, Claim(Verb.RENEW)),
            (SubscriptionStatus.INCOMPLETE, None),
            (SubscriptionStatus.UNPAID, Claim(Verb.SUSPEND_UNPAID)),
            (SubscriptionStatus.PAUSED, Claim(Verb.SUSPEND_UNPAID)),
            (SubscriptionStatus.CANCELED, Claim(Verb.END, ends_sessions=True)),
            (SubscriptionStatus.INCOMPLETE_EXPIRED, Claim(Verb.END, ends_sessions=True)),
        ],
    )
    def test_follows_the_table_of_the_contract(self, status: str, asked: Claim | None) -> None:
        assert self.asked(status) == asked

    def test_knows_every_status(self) -> None:
        for status in SubscriptionStatus.values:
            self.asked(status)

    def test_of_a_failed_renewal_is_suspension_with_grace_then_without_then_the_end(self) -> None:
        assert self.asked("past_due", 1, DAY) == Claim(Verb.ALLOW_GRACE, NOON + DAY)
        assert self.asked("past_due", 3) == Claim(Verb.SUSPEND_UNPAID, ends_sessions=True)
        assert self.asked("past_due", 2, DAY * 0) == Claim(Verb.GRACE_OVER, ends_sessions=True)

    def test_of_a_payment_that_was_given_back_is_suspension_without_grace(self) -> None:
        assert self.asked("active", returned=True) == Claim(Verb.SUSPEND_UNPAID)

    def test_of_unpaid_leaves_no_grace_that_was_running(self) -> None:
        assert self.asked("unpaid", 2, DAY) == Claim(Verb.SUSPEND_UNPAID)


def test_facts_in_any_order_set_one_deadline() -> None:
    told = {"first_failed_at": DAY, "second_failed_at": 3 * DAY, "third_failed_at": 4 * DAY}
    for order in permutations(told):
        assert grace(attempt_count=2, **{name: told[name] for name in order}) == 6 * DAY
