"""Work that cannot be done, or that kills who does it: it is set aside and seen, and the rest is done meanwhile."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.db import transaction

from config.kernel import tasks
from config.kernel.ids import new_id
from config.kernel.worker import MOST_RUNS
from deploy.local.process import Process
from tests import journey
from tests.api.beneath import as_owner
from tests.chaos.worker_process import Point, held_at, holdable, look, new_worker, nothing_was_missed, two_minutes_pass
from tests.concurrency.together import wait_until
from tests.jobs import run_jobs
from tests.subscriptions.stripe_side import only, pay, subscription_of, tell

pytestmark = pytest.mark.usefixtures("db")

DONE_WITHIN_SECONDS = 90.0
HELD = Point(7201, "licenses_license", "after insert on TABLE", "new.tier = 'pro'")
_JOBS = (
    "select status, count(*)::int from procrastinate_jobs where task_name = 'licenses.apply_subscription' group by 1"
)


@pytest.fixture
def worker(db: None) -> Iterator[Process]:
    """Return a worker process as a deployment runs it, not started yet."""
    nothing_was_missed()
    process = new_worker()
    yield process
    process.stop()


def is_licensed(subscription_id: str) -> bool:
    """Return whether a subscription's licence has reached its owner."""
    return bool(as_owner(
        "select 1 from licenses_license l join subscriptions_subscription s on s.id = l.subscription_id "
        "join emails_emaillog e on e.organization_id = l.organization_id and e.kind = 'license_issued' "
        "where s.stripe_subscription_id = %s and e.status = 'sent'", subscription_id,
    ))  # fmt: skip


def buy(plan: str) -> str:
    """Let a customer buy a plan, and one event be told about it; return the subscription at Stripe."""
    _, told = pay(journey.sign_up(), plan=plan)
    tell(*only(told, "customer.subscription.created"))
    return subscription_of(told)


class TestJobThatKillsItsWorker:
    def test_is_given_up_after_five_runs_while_everything_else_is_done(self, worker: Process) -> None:
        poisonous, harmless = buy("pro"), buy("starter")
        with holdable(HELD):
            for run in range(MOST_RUNS):
                with held_at(HELD, worker):
                    wait_until(lambda: is_licensed(harmless), seconds=DONE_WITHIN_SECONDS)
                assert ("failed", 1) not in look(_JOBS), f"given up after {run} runs"
                two_minutes_pass()
            later = buy("starter")
            worker.spawn()
            wait_until(lambda: look(_JOBS) == [("failed", 1)], seconds=DONE_WITHIN_SECONDS)
            wait_until(lambda: is_licensed(later), seconds=DONE_WITHIN_SECONDS)
        assert not is_licensed(poisonous)
        assert "(licenses.apply_subscription) is given up" in worker.log.read_text()


class TestJobThatAlwaysFails:
    def enqueue(self) -> UUID:
        """Queue a job about a subscription that there is not."""
        with transaction.atomic():
            tasks.enqueue("licenses.apply_subscription", organization_id=new_id(), subscription_id=(about := new_id()))
        return about

    def test_is_set_aside_after_its_last_attempt_while_everything_else_is_done(self) -> None:
        about = self.enqueue()
        harmless = buy("starter")
        run_jobs()
        assert is_licensed(harmless)
        mine = "select status, attempts from procrastinate_jobs where args->>'subscription_id' = %s"
        told = [as_owner(mine, str(about))]
        while told[-1][0][0] == "todo":
            as_owner("update procrastinate_jobs set scheduled_at = now() where status = 'todo'")
            run_jobs()
            told.append(as_owner(mine, str(about)))
        assert told[0] == [("todo", 1)]
        assert told[-1] == [("failed", (tasks.RETRY.max_attempts or 0) + 1)]
