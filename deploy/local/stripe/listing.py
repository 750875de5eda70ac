"""Pages of objects, newest first, cut by cursors as Stripe's lists are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.local.stripe.context import Context
from deploy.local.stripe.errors import invalid
from deploy.local.stripe.store import Json

COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Filter:
    """Conditions on the documents of one kind, gathered one by one."""

    def __init__(self) -> None:
        self.where: list[str] = []
        self.values: list[Any] = []

    def equal(self, path: str, value: Any) -> None:
        """Only documents whose `path` holds this value; None means no condition."""
        if value is not None:
            self.where.append(f"json_extract(doc, '$.{path}') = ?")
            self.values.append(value)

    def among(self, path: str, values: list[Any] | None) -> None:
        """Only documents whose `path` holds one of these values; None means no condition."""
        if values is not None:
            marks = ", ".join("?" for _ in values)
            self.where.append(f"json_extract(doc, '$.{path}') IN ({marks})")
            self.values.extend(values)

    def unlike(self, path: str, value: Any) -> None:
        """No documents whose `path` holds this value."""
        self.where.append(f"json_extract(doc, '$.{path}') IS NOT ?")
        self.values.append(value)

    def within(self, path: str, bounds: Mapping[str, int] | None) -> None:
        """Only documents whose `path` lies within the bounds (seconds)."""
        for bound, moment in (bounds or {}).items():
            self.where.append(f"json_extract(doc, '$.{path}') {COMPARE[bound]} ?")
            self.values.append(moment)


def page(ctx: Context, kind: str, url: str, params: Mapping[str, Any], filters: Filter) -> Json:
    """One page as a list object; `starting_after` looks to older objects, `ending_before` to newer ones."""
    limit = params.get("limit", 10)
    where, values = [*filters.where], [*filters.values]
    after, before = params.get("starting_after"), params.get("ending_before")
    if after is not None and before is not None:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.")
    for cursor, param, sign in ((after, "starting_after", "<"), (before, "ending_before", ">")):
        if cursor is None:
            continue
        seq = ctx.tx.seq(cursor, kind)
        if seq is None:
            raise invalid(f"No such {kind}: '{cursor}'", code="resource_missing", param=param)
        where.append(f"seq {sign} ?")
        values.append(seq)
    # The page next to the cursor: backwards it is read oldest first, then turned round.
    order = "ASC" if before is not None else "DESC"
    tail = f"ORDER BY seq {order} LIMIT {limit + 1}"
    found = ctx.tx.select(kind, " AND ".join(where), tuple(values), tail)
    data = found[:limit]
    if before is not None:
        data.reverse()
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": url}
