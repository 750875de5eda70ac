"""Billing periods: where the next one ends, counted in calendar months as Stripe counts them."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

DAY = 24 * 3600
# How much of each unit may be asked for at once: ten years.
UNITS = {"months": 120, "weeks": 520, "days": 3660, "hours": 87840, "minutes": 5_270_400, "seconds": 316_224_000}


def period_end(start: int, interval: str, count: int, anchor: int | None = None) -> int:
    """The end (seconds) of a period that begins at `start`.

    Months keep the day of `anchor` (by default of `start`), clamped to the month's length: one from January 31st
    ends on the last of February, and the one after it on March 31st again when the anchor says so.
    """
    begin = datetime.fromtimestamp(start, UTC)
    if interval in ("day", "week"):
        return int((begin + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = count * (12 if interval == "year" else 1)
    year, month = divmod(begin.year * 12 + begin.month - 1 + months, 12)
    day = datetime.fromtimestamp(start if anchor is None else anchor, UTC).day
    last = calendar.monthrange(year, month + 1)[1]
    return int(begin.replace(year=year, month=month + 1, day=min(day, last)).timestamp())


def later(moment: int, span: Mapping[str, Any]) -> int | None:
    """`moment` (seconds) after a span such as `{"months": 1, "days": 2}`; None when the span makes no sense."""
    if not span or not all(unit in UNITS and type(n) is int and 0 <= n <= UNITS[unit] for unit, n in span.items()):
        return None
    months = span.get("months", 0)
    begin = period_end(moment, "month", months) if months else moment
    return begin + int(timedelta(**{unit: n for unit, n in span.items() if unit != "months"}).total_seconds())
