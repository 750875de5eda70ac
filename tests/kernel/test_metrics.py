"""What the kernel promises of metrics: labels that cannot run away, a page for Prometheus only, state that is cheap."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test import override_settings
from prometheus_client import CollectorRegistry

from config.kernel import metrics, metrics_page
from config.kernel.metrics import figure, state_collector
from tests.plugins import servers

TOKEN = "t" * 40


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare what these tests declare in a registry that goes with them."""
    monkeypatch.setattr(metrics, "REGISTRY", CollectorRegistry())


class TestFamily:
    def test_begins_at_zero_with_every_listed_value(self) -> None:
        metrics.counters("a", "A test.", outcome=["yes", "no"], kind=["x"])
        values = [metrics.REGISTRY.get_sample_value("coditect_a_total", {"outcome": outcome, "kind": "x"})
                  for outcome in ("yes", "no")]  # fmt: skip
        assert values == [0, 0]

    def test_counts_a_value_that_is_not_listed_as_other(self) -> None:
        counted = metrics.counters("b", "A test.", outcome=["yes"], kind=["x"])
        counted.of("CODITECT-VC78-YEMM", "x").inc()
        counted.of("ada@example.com", "x").inc()
        assert metrics.REGISTRY.get_sample_value("coditect_b_total", {"outcome": "other", "kind": "x"}) == 2
        assert len(counted._children) == 2

    def test_has_an_end_even_where_any_value_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metrics, "MOST_SERIES", 10)
        counted = metrics.histograms("c_seconds", "A test.", buckets=(1,), route=metrics.ANY_VALUE)
        for number in range(50):
            counted.of(f"/{number}").observe(0.5)
        assert len(counted._children) == 11
        assert metrics.REGISTRY.get_sample_value("coditect_c_seconds_count", {"route": "other"}) == 40


class TestPage:
    def ask(self, authorization: str = "") -> int:
        """Return the status for a caller."""
        return metrics_page.page(authorization=authorization, accept="").status

    def test_is_not_there_without_a_token_in_the_settings(self) -> None:
        with override_settings(METRICS_TOKEN="", METRICS_OPEN=False):
            assert (self.ask(), self.ask("Bearer "), self.ask(f"Bearer {TOKEN}")) == (404, 404, 404)

    @pytest.mark.usefixtures("db")
    @override_settings(METRICS_TOKEN=TOKEN, METRICS_OPEN=True)
    def test_is_shown_to_whoever_brings_the_token_and_to_nobody_else(self) -> None:
        for wrong in (
            "",
            TOKEN,
            "Bearer",
            "Bearer ",
            f"Bearer {TOKEN}x",
            f"Basic {TOKEN}",
            "Bearer ÿ\udcff",
            "Bearer \0",
        ):
            assert self.ask(wrong) == 401, wrong
        assert (self.ask(f"Bearer {TOKEN}"), self.ask(f"bearer {TOKEN}")) == (200, 200)

    @pytest.mark.usefixtures("db")
    def test_speaks_open_metrics_to_whoever_asks_for_it(self) -> None:
        shown = metrics_page.page(authorization="", accept="application/openmetrics-text; version=1.0.0")
        assert shown.content_type.startswith("application/openmetrics-text")
        assert shown.body.endswith(b"# EOF\n")


class TestWorkerServer:
    def get(self, port: int, path: str = "/metrics", **headers: str) -> tuple[int, bytes]:
        """Ask the server of a worker."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    @pytest.mark.usefixtures("db")
    def test_shows_the_same_page_to_the_same_callers(self) -> None:
        server = metrics_page.serve("127.0.0.1:0")
        assert server is not None
        port = server.server_address[1]
        try:
            with override_settings(METRICS_TOKEN=TOKEN):
                assert self.get(port)[0] == 401
                status, body = self.get(port, Authorization=f"Bearer {TOKEN}")
                assert (status, b"coditect_jobs_run_total" in body) == (200, True)
                assert self.get(port, "/", Authorization=f"Bearer {TOKEN}")[0] == 404
        finally:
            server.shutdown()
            server.server_close()

    def test_leaves_a_worker_alone_that_cannot_have_the_address(self) -> None:
        server = metrics_page.serve("127.0.0.1:0")
        assert server is not None
        try:
            taken = server.server_address[1]
            for address in (f"127.0.0.1:{taken}", "127.0.0.1:none", "127.0.0.1", "127.0.0.1:99999999", ""):
                assert metrics_page.serve(address) is None
        finally:
            server.shutdown()
            server.server_close()


def as_superuser(statement: str) -> None:
    """Run a statement as the superuser of the test's own server."""
    with psycopg.connect(servers.current().postgres.url("superuser", "postgres"), autocommit=True) as admin:
        admin.execute(statement)


@contextmanager
def part(monkeypatch: pytest.MonkeyPatch, tell: Any, *more: str) -> Iterator[None]:
    """Have the state consist of a test's own part, and of others of it."""
    kept = {name: metrics._parts[name] for name in more}
    monkeypatch.setattr(metrics, "_parts", {"mine": tell, **kept})
    state_collector.forget()
    yield
    state_collector.forget()


def state() -> dict[str, dict[str, float]]:
    """Return the state as it is told, by metric and by label."""
    return {
        family.name: {",".join(sample.labels.values()): sample.value for sample in family.samples}
        for family in state_collector.collect()
    }


@pytest.mark.usefixtures("db")
class TestState:
    def test_is_asked_for_once_however_many_ask_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def tell() -> Iterator[Any]:
            asked.append(1)
            time.sleep(0.05)
            yield figure("mine", "A test.", metrics.ask("select 7"))

        with part(monkeypatch, tell):
            results: list[float] = []

            def scrape() -> None:
                results.append(state()["coditect_mine"][""])
                connections.close_all()

            threads = [threading.Thread(target=scrape) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert (len(asked), results) == (1, [7] * 8)

    def test_leaves_out_what_takes_too_long_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def tell() -> Iterator[Any]:
            yield figure("mine", "A test.", metrics.ask("select pg_sleep(20)"))

        began = time.monotonic()
        with part(monkeypatch, tell, "seats", "jobs"):
            found = state()
        assert time.monotonic() - began < 4
        assert found["coditect_state_known"] == {"mine": 0, "seats": 1, "jobs": 1}
        assert "coditect_mine" not in found
        assert "coditect_seats_leased" in found

    def test_says_that_nothing_is_known_without_a_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def tell() -> Iterator[Any]:
            yield figure("mine", "A test.", metrics.ask("select 1"))

        with part(monkeypatch, tell):
            as_superuser("alter role coditect_system nologin")
            try:
                connections["system"].close()
                assert state()["coditect_state_known"] == {"mine": 0}
            finally:
                as_superuser("alter role coditect_system login")
