"""An attempt to apply an event that fails, or is not survived: what it may still change, and how it is counted."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from tests import journey
from tests.api.beneath import as_owner, until_blocked
from tests.api.test_metrics import Figures
from tests.jobs import run_jobs
from tests.plugins import servers
from tests.subscriptions.stripe_side import only, pay, tell

pytestmark = pytest.mark.usefixtures("db")

PROCESSED = "webhook_processed_total"
SET = "update subscriptions_webhookevent set status = %s, attempts = %s, error = ''"


@pytest.fixture
def stored(db: None) -> None:
    """Store an event whose subscription has to be fetched."""
    tell(*only(pay(journey.sign_up())[1], "invoice.paid"))


@contextmanager
def slow_stripe(settings: Any, meanwhile: Callable[[], object]) -> Iterator[None]:
    """Let Stripe take so long to answer that something happens meanwhile, and then know nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            meanwhile()
            content = json.dumps({"error": {"type": "invalid_request_error", "code": "resource_missing"}}).encode()
            self.send_response(404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.server_port}"
        yield
        server.shutdown()


class TestOneThatWasOvertaken:
    @pytest.mark.parametrize(
        ("status", "attempts", "how"),
        [
            ("completed", 1, "by its own COMMIT, whose answer did not come"),
            ("completed", 2, "by a worker that took it for dead, and is done"),
            ("processing", 2, "by a worker that took it for dead, and is at it"),
            ("failed", 14, "by its last attempt"),
        ],
    )
    def test_sets_nothing_back(self, stored: None, settings: Any, status: str, attempts: int, how: str) -> None:
        figures = Figures()
        with slow_stripe(settings, lambda: as_owner(SET, status, attempts)):
            run_jobs()
        assert as_owner("select status, attempts, error from subscriptions_webhookevent") == [(status, attempts, "")]
        assert figures.moved(PROCESSED) == {}, how


class TestTheLast:
    def test_is_counted_as_given_up_when_it_fails(self, stored: None, settings: Any) -> None:
        as_owner(SET, "pending", 13)
        figures = Figures()
        with slow_stripe(settings, lambda: None):
            run_jobs()
        self.is_given_up(figures)

    def test_is_counted_as_given_up_when_no_worker_survives_it(self, stored: None) -> None:
        as_owner(SET, "processing", 14)
        figures = Figures()
        run_jobs()
        self.is_given_up(figures)

    def test_is_not_taken_for_one_that_falls_due_meanwhile(self, stored: None) -> None:
        """As when staff replay it while a job of before is at it: between that job's two looks it becomes due."""
        with psycopg.connect(servers.current().postgres.url("migrator")) as owner, ThreadPoolExecutor(1) as pool:
            owner.execute("select from subscriptions_webhookevent for update")

            def fall_due() -> None:
                until_blocked(1)
                owner.execute("update subscriptions_webhookevent set next_attempt_at = clock_timestamp()")
                owner.commit()

            falling = pool.submit(fall_due)
            run_jobs()
            falling.result()
        assert as_owner("select status, attempts, error from subscriptions_webhookevent") == [("pending", 0, "")]

    def is_given_up(self, figures: Figures) -> None:
        """Expect one event that waits for staff, counted once."""
        assert figures.moved(PROCESSED) == {("given_up", "invoice.paid"): 1}
        assert figures.now()["webhook_events", ("failed",)] == 1
