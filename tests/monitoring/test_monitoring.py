"""Dashboards and alerts ask for what the service tells, in PromQL that can be read, and each alert says what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from config.kernel.metrics import state_collector
from tests.plugins.servers import ROOT

MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARDS = sorted((MONITORING / "grafana").glob("*.json"))
RUNBOOK = ROOT / "docs" / "operations" / "monitoring.md"
PROMETHEUS_OWN = {"up"}


@lru_cache
def rules() -> list[dict[str, Any]]:
    """Return every alert."""
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """Return every expression with where it stands."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.stem}: {panel['title']}", target["expr"].replace("$__rate_interval", "5m")


EXPRESSIONS = list(expressions())


def selected(expression: str) -> list[promql_parser.VectorSelector]:
    """Return the selectors of an expression; raises ValueError for one that is not PromQL."""
    found: list[promql_parser.VectorSelector] = []

    def note(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), note)
    return found


@pytest.fixture
def shown(db: None) -> dict[str, list[dict[str, str]]]:
    """Return every series that a process shows, its labels by its name, and those that need something to have been."""
    state_collector.forget()
    body = APIClient().get("/metrics").content.decode()
    names: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(body):
        names.setdefault(family.name, [])
        for suffix in ("_bucket", "_sum", "_count") if family.type == "histogram" else ():
            names.setdefault(family.name + suffix, [])
        if family.type == "counter":
            names.setdefault(f"{family.name}_total", [])
        for sample in family.samples:
            names.setdefault(sample.name, []).append(sample.labels)
    return names


class TestExpressions:
    @pytest.mark.parametrize(("place", "expression"), EXPRESSIONS, ids=[place for place, _ in EXPRESSIONS])
    def test_can_be_read(self, place: str, expression: str) -> None:
        assert selected(expression), place

    def test_select_only_what_a_process_shows(self, shown: dict[str, list[dict[str, str]]]) -> None:
        asked = {one.name for _, expression in EXPRESSIONS for one in selected(expression)}
        assert asked - set(shown) - PROMETHEUS_OWN == set()

    def test_ask_for_values_that_a_label_can_have(self, shown: dict[str, list[dict[str, str]]]) -> None:
        for place, expression in EXPRESSIONS:
            for one in selected(expression):
                series = shown.get(one.name or "", [])
                for matcher in one.matchers.matchers:
                    values = {labels.get(matcher.name) for labels in series}
                    if values and matcher.name not in {"route", "status", "run"}:
                        assert any(re.fullmatch(matcher.value, value or "") for value in values), (place, matcher)

    def test_show_every_metric_of_ours_somewhere(self, shown: dict[str, list[dict[str, str]]]) -> None:
        asked = {re.sub(r"_(bucket|sum|count|total)$", "", one.name or "") for _, expression in EXPRESSIONS
                 for one in selected(expression)}  # fmt: skip
        ours = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in shown if name.startswith("coditect_")}
        assert ours - asked == set()


class TestAlerts:
    def test_say_what_to_do(self) -> None:
        headings = {heading.lower() for heading in re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE)}
        names = {rule["alert"].lower() for rule in rules()}
        assert names == headings
        for rule in rules():
            assert rule["annotations"]["runbook"] == f"docs/operations/monitoring.md#{rule['alert'].lower()}"
            assert rule["labels"]["severity"] in {"page", "ticket"}

    @pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: apt-get install prometheus)")
    def test_are_rules_to_promtool(self, tmp_path: Path) -> None:
        for name in ("alerts.yaml", "prometheus.yaml"):
            (tmp_path / name).write_text((MONITORING / name).read_text())
        (tmp_path / "metrics-token").write_text("t")
        checked = subprocess.run(
            ["promtool", "check", "config", str(tmp_path / "prometheus.yaml")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert checked.returncode == 0, checked.stdout + checked.stderr


class TestDashboards:
    @pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
    def test_can_be_imported_with_any_data_source(self, path: Path) -> None:
        board = json.loads(path.read_text())
        assert {"uid", "title", "panels", "schemaVersion", "templating"} <= set(board)
        assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource"]
        panels = board["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        for panel in panels:
            for target in panel.get("targets", []):
                assert target["datasource"]["uid"] == panel["datasource"]["uid"] == "${datasource}"

    @pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
    def test_lay_no_panel_over_another(self, path: Path) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text())["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & taken, panel["title"]
            assert max(x for x, _ in cells) < 24
            taken |= cells
