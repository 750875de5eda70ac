"""The worker killed (-9) at each step of sending a mail: none is lost; one comes twice in the documented window only.

What counts is what the provider has taken. A second copy is possible only where the worker died between the moment
the provider took the mail and the moment that this was recorded, and not even there once the provider told of it.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as configured

from deploy.local.process import Process
from deploy.local.sendgrid.events import event
from deploy.local.sendgrid.server import Failure, Sink
from tests import journey
from tests.api.beneath import as_owner
from tests.concurrency.seated_license import owner_connection
from tests.concurrency.together import wait_until, wait_until_stuck
from tests.emails.queued import queue, row, states, sweep_up
from tests.emails.sendgrid import API_KEY, deliver, sending_to_sink
from tests.jobs import run_jobs
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")

PATIENCE_SECONDS = 60.0


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    """Return the provider that the worker sends to; it never answers while `hold` is set."""
    with sending_to_sink(settings) as running:
        yield running


@pytest.fixture
def organization(sink: Sink) -> UUID:
    """Return an organization whose own first mails are gone, with one mail waiting to be sent."""
    found = UUID(journey.sign_up().organization_id)
    as_owner("delete from emails_emaillog")
    as_owner("delete from procrastinate_jobs")
    queue(found)
    return found


@pytest.fixture
def worker(organization: UUID) -> Iterator[Process]:
    """Return a worker process as a deployment runs it, not started yet."""
    process = Process(
        [sys.executable, "manage.py", "worker"],
        log=servers.current().folder / "mail-worker.log",
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "DATABASE_URL": servers.current().postgres.url("worker"),
            "EMAIL_PROVIDER": "sendgrid",
            "SENDGRID_API_KEY": API_KEY,
            "SENDGRID_API_BASE": configured.SENDGRID_API_BASE,
        },
        cwd=servers.ROOT,
    )
    yield process
    process.stop()


@contextmanager
def stuck_at(table: str) -> Iterator[None]:
    """Let nobody write a table for the time of the block."""
    with owner_connection() as owner, owner.transaction():
        owner.execute(f"lock table {table} in exclusive mode")
        yield


def until_stuck() -> None:
    """Return when the worker waits for the locked table."""
    with owner_connection() as onlooker:
        wait_until_stuck(onlooker, count=1, seconds=PATIENCE_SECONDS)


def until_called(sink: Sink) -> None:
    """Return when the provider has taken a mail and holds its answer back."""
    assert sink.held.wait(PATIENCE_SECONDS)


def killed_before_the_record(worker: Process, sink: Sink) -> None:
    """Let the provider answer, and kill the worker before it has written that down."""
    sink.hold = threading.Event()
    worker.spawn()
    until_called(sink)
    with stuck_at("emails_emaillog"):
        sink.hold.set()
        until_stuck()
        worker.kill_group()
    sink.hold = None


def killed_during_the_call(worker: Process, sink: Sink) -> None:
    """Kill the worker while the provider has the mail and says nothing."""
    sink.hold = threading.Event()
    worker.spawn()
    until_called(sink)
    worker.kill_group()
    sink.hold.set()
    sink.hold = None


class TestKilledWorker:
    def test_before_it_claims_the_mail_leaves_it_to_the_next(self, worker: Process, sink: Sink) -> None:
        with stuck_at("emails_emaillog"):
            worker.spawn()
            until_stuck()
            worker.kill_group()
        assert (states(), len(sink.mails)) == ([("queued", 0, True)], 0)
        worker.spawn()
        wait_until(lambda: states() == [("sent", 1, False)], seconds=PATIENCE_SECONDS)
        assert (len(sink.mails), row("uncertain_sends")) == (1, (0,))

    def test_after_the_claim_and_before_the_provider_has_the_mail_leaves_one(self, worker: Process, sink: Sink) -> None:
        sink.failures.append(Failure(hang=True))
        worker.spawn()
        wait_until(lambda: sink.requests == 1, seconds=PATIENCE_SECONDS)
        worker.kill_group()
        assert (states(), len(sink.mails)) == ([("sending", 1, True)], 0)
        sweep_up()
        assert (states(), len(sink.mails)) == ([("sent", 2, False)], 1)

    @pytest.mark.parametrize("kill", [killed_during_the_call, killed_before_the_record])
    def test_in_the_ambiguous_window_sends_no_second_mail_when_the_provider_tells_of_the_first(
        self, worker: Process, sink: Sink, kill: Any
    ) -> None:
        kill(worker, sink)
        assert (states(), len(sink.mails)) == ([("sending", 1, True)], 1)
        assert deliver(event(sink.mails[0], "delivered")).status_code == 200
        sweep_up()
        assert (states(), len(sink.mails)) == ([("delivered", 1, False)], 1)
        assert row("uncertain_sends", "provider_id") == (0, sink.mails[0]["id"])

    @pytest.mark.parametrize("kill", [killed_during_the_call, killed_before_the_record])
    def test_in_the_ambiguous_window_without_news_sends_a_second_mail_and_says_so(
        self, worker: Process, sink: Sink, kill: Any
    ) -> None:
        kill(worker, sink)
        run_jobs()
        assert (states(), len(sink.mails)) == ([("sending", 1, True)], 1), "it is held for news first"
        sweep_up()
        assert (states(), len(sink.mails)) == ([("sent", 2, False)], 2)
        assert row("uncertain_sends") == (1,)

    def test_after_the_record_sends_nothing_again(self, worker: Process, sink: Sink) -> None:
        sink.hold = threading.Event()
        worker.spawn()
        until_called(sink)
        with ExitStack() as stack:
            stack.enter_context(stuck_at("procrastinate_jobs"))
            sink.hold.set()
            wait_until(lambda: states() == [("sent", 1, False)], seconds=PATIENCE_SECONDS)
            worker.kill_group()
        as_owner("update procrastinate_jobs set status = 'todo', scheduled_at = now() where task_name = 'emails.send'")
        sweep_up()
        assert (states(), len(sink.mails)) == ([("sent", 1, False)], 1)
