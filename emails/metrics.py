"""What is counted about mails: attempts, doubts, what the provider tells, and what waits; by kind, never by address."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from config.kernel import metrics
from config.kernel.metrics import OTHER, figure
from emails.catalogue import EmailKind
from emails.models import EmailStatus

KINDS = [*(kind.value for kind in EmailKind), OTHER]

attempts = metrics.counters(
    "mail_attempts",
    "Attempts to send a mail: sent; waits for another; silent (the provider never said whether it took it); given_up.",
    kind=KINDS,
    outcome=["sent", "waits", "silent", "given_up", "suppressed"],
)
sent_again = metrics.counters(
    "mail_sent_again", "Mails queued again without knowing whether they were sent: a reader may get two.", kind=KINDS
)
news = metrics.counters(
    "mail_news", "What the provider told about mails it took.", status=[status.value for status in EmailStatus]
)

_OPEN = """
select status, count(*), coalesce(extract(epoch from clock_timestamp() - min(next_attempt_at)), 0)
from emails_emaillog where status in ('queued', 'sending') group by 1
"""
# Ids grow with time: the day's mails are the end of the primary key, however many there are before.
_OF_THE_DAY = (
    "select kind, status, count(*) from emails_emaillog where id >= %s group by 1, 2 order by 3 desc limit 300"
)


@metrics.state("mails")
def _state() -> Iterable[GaugeMetricFamily]:
    waiting = {status: (count, age) for status, count, age in metrics.ask(_OPEN)}
    counts = {status: waiting.get(status, (0, 0)) for status in ("queued", "sending")}
    late = max(0, counts["queued"][1], counts["sending"][1])
    yield figure("mails_waiting", "Mails that are queued, or sending: being sent, or in doubt.",
                 [(status, count) for status, (count, _) in counts.items()], "status")  # fmt: skip
    yield figure("mails_oldest_due_seconds", "For how long the oldest mail that is due has been waiting.", [(late,)])
    yesterday = int((timezone.now() - timedelta(days=1)).timestamp() * 1000)
    day = metrics.ask(_OF_THE_DAY, [UUID(int=yesterday << 80)])
    yield figure("mails_of_the_day", "Mails queued within 24 hours, as they stand.", day, "kind", "status")
