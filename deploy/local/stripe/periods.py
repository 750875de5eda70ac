"""Billing periods: where the next one ends, counted in calendar months as Stripe counts them."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

DAY = 24 * 3600


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
