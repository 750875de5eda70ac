"""What is due by the passing of time alone: found by one query over what the objects themselves say."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.local.stripe.periods import DAY
from deploy.local.stripe.store import Transaction


@dataclass(frozen=True)
class Due:
    """One object for which a moment has come; `what` names what is to be done."""

    what: str
    id: str
    moment: int


@dataclass(frozen=True)
class Rule:
    """When something is due: for objects of a kind in these states, at the moment that the SQL expression yields."""

    what: str
    kind: str
    states: tuple[str, ...]
    moment: str
    condition: str = "1"

    def select(self, rank: int) -> str:
        """The query of this rule; every text in it is ours."""
        states = ", ".join(f"'{state}'" for state in self.states)
        return (
            f"SELECT '{self.what}' AS what, id, {self.moment} AS moment, {rank} AS rank, seq FROM objects "  # noqa: S608
            f"WHERE kind = '{self.kind}' AND json_extract(doc, '$.status') IN ({states}) "
            f"AND {self.moment} <= ?1 AND {_doc('test_clock')} IS ?2 AND {self.condition}"
        )


def _doc(path: str) -> str:
    return f"json_extract(doc, '$.{path}')"


TRIAL_END = _doc("trial_end")
TOLD = "json_extract(hidden, '$.told_trial_end')"
AUTOMATIC = f"{_doc('auto_advance')} = 1"
# In the order in which they come when they fall on the same second: who leaves with the period is not renewed.
RULES = (
    Rule("session_expires", "checkout.session", ("open",), _doc("expires_at")),
    Rule(
        "cancellation", "subscription", ("active", "past_due", "paused", "trialing", "unpaid", "incomplete"),
        _doc("cancel_at"),
    ),
    Rule("unpaid_start", "subscription", ("incomplete",), f"{_doc('created')} + {23 * 3600}"),
    Rule(
        "pending_update", "subscription", ("active", "past_due", "paused", "trialing", "unpaid"),
        _doc("pending_update.expires_at"),
    ),
    Rule("trial_will_end", "subscription", ("trialing",), f"{TRIAL_END} - {3 * DAY}", f"{TOLD} IS NOT {TRIAL_END}"),
    Rule("trial_end", "subscription", ("trialing",), TRIAL_END),
    Rule("draft_is_over", "invoice", ("draft",), _doc("automatically_finalizes_at"), AUTOMATIC),
    Rule("payment_attempt", "invoice", ("open",), _doc("next_payment_attempt"), AUTOMATIC),
    Rule(
        "period_end", "subscription", ("active", "past_due", "unpaid"), _doc("items.data[0].current_period_end"),
    ),
)  # fmt: skip
QUERY = " UNION ALL ".join(rule.select(rank) for rank, rule in enumerate(RULES)) + " ORDER BY moment, rank, seq LIMIT 1"


def earliest(tx: Transaction, limit: int, test_clock: str | None = None) -> Due | None:
    """What comes first among all that is due at `limit` (seconds) or before; None when nothing is.

    On the test clock named, or among all that is on none.
    """
    row = tx.sql.execute(QUERY, (limit, test_clock)).fetchone()
    return row and Due(row["what"], row["id"], row["moment"])
