"""What is counted about the audit log: how far its seal lags behind its entries."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily

from config.kernel import metrics
from config.kernel.metrics import figure

sealed = metrics.counter("audit_sealed", "Audit entries that were given their place in a chain.")
seal_failures = metrics.counter("audit_seal_failures", "Chains that could not be sealed in one run.")
waited_seconds = metrics.histogram(
    "audit_waited_seconds",
    "For how long the oldest unsealed entry of a chain had waited when the sealer came to it.",
    buckets=(5, 15, 30, 60, 300, 1800),
)

# The newest entries only, so that it costs the same however long the history is. When none of them is sealed the
# backlog is longer than this, and the lag is at least the time since anything was signed.
_LAG = """
with newest as (
  select e.id, e.occurred_at from users_auditentry e order by e.id desc limit 1000
), unsealed as (
  select n.occurred_at from newest n where not exists (select from users_auditseal s where s.entry_id = n.id)
)
select count(*), greatest(
  coalesce(extract(epoch from clock_timestamp() - min(occurred_at)), 0),
  case when count(*) = 1000 then coalesce((select extract(epoch from clock_timestamp() - c.signed_at)
    from users_auditcheckpoint c order by c.id desc limit 1), 0) else 0 end)
from unsealed
"""


@metrics.state("audit")
def _state() -> Iterable[GaugeMetricFamily]:
    ((count, lag),) = metrics.ask(_LAG)
    yield figure("audit_unsealed", "Entries without a seal among the newest thousand.", [(count,)])
    yield figure("audit_lag_seconds", "Age of the oldest of them.", [(lag,)])
