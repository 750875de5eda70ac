"""Periods and prorations as numbers: months of different length, leap years, cents and seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.local.stripe.objects.prorations import remaining_amount
from deploy.local.stripe.periods import period_end


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class TestPeriodEnd:
    @pytest.mark.parametrize(
        ("start", "interval", "count", "end"),
        [
            ("2026-11-23T06:00:00", "month", 1, "2026-12-23T06:00:00"),
            ("2026-12-15", "month", 1, "2027-01-15"),
            ("2027-01-31", "month", 1, "2027-02-28"),
            ("2028-01-31", "month", 1, "2028-02-29"),
            ("2028-02-29", "year", 1, "2029-02-28"),
            ("2026-12-31", "month", 3, "2027-03-31"),
            ("2026-11-23", "week", 2, "2026-12-07"),
            ("2026-12-31", "day", 1, "2027-01-01"),
        ],
    )
    def test_counts_calendar_months(self, start: str, interval: str, count: int, end: str) -> None:
        assert period_end(at(start), interval, count) == at(end)

    def test_returns_to_the_day_of_the_anchor_after_a_short_month(self) -> None:
        anchor = at("2027-01-31")
        assert period_end(at("2027-02-28"), "month", 1, anchor) == at("2027-03-31")


class TestRemainingAmount:
    @pytest.mark.parametrize(
        ("price", "quantity", "now", "amount"),
        [
            (2900, 1, 0, 2900),
            (2900, 1, 50, 1450),
            (2900, 2, 50, 2900),
            (2900, 1, 100, 0),
            (2900, 1, 150, 0),
            (2900, 1, -10, 2900),
            (1, 1, 50, 1),
            (1, 1, 51, 0),
            (0, 1, 10, 0),
        ],
    )
    def test_charges_by_the_second_and_rounds_half_up(self, price: int, quantity: int, now: int, amount: int) -> None:
        item: dict[str, Any] = {
            "current_period_start": 0,
            "current_period_end": 100,
            "price": {"unit_amount": price},
            "quantity": quantity,
        }
        assert remaining_amount(item, now) == amount
