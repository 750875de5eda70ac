"""Which role a management command runs as: said of each of ours, and told alike to whoever runs a deployment."""

import re

import pytest
from django.core.management import get_commands

from deploy.local.command_roles import OF_DJANGOS, OF_OURS, role_for
from deploy.local.home import ROOT

OURS = {path.stem for path in ROOT.glob("*/**/management/commands/[a-z]*.py") if ".venv" not in path.parts}
PAGE = ROOT / "docs/operations/commands.md"
TELLING = [ROOT / "README.md", ROOT / "deploy/monitoring/alerts.yaml", *ROOT.glob("docs/**/*.md")]


class TestRoles:
    def test_are_said_of_every_command_of_ours_and_of_none_that_is_gone(self) -> None:
        assert set(OF_OURS) == OURS

    def test_are_the_same_on_the_page_for_those_who_run_a_deployment(self) -> None:
        rows = re.findall(r"^\| `(\w+)`[^|]*\| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        assert dict(rows) == OF_OURS

    @pytest.mark.parametrize(
        ("arguments", "role"),
        [
            (["sync_portal"], "migrator"),
            (["reconcile_billing", "--report"], "worker"),
            (["migrate", "--plan"], "migrator"),
            (["shell"], "app"),
            ([], "app"),
        ],
    )
    def test_are_chosen_by_the_first_word(self, arguments: list[str], role: str) -> None:
        assert role_for(arguments) == role

    def test_of_djangos_commands_are_not_said_twice(self) -> None:
        assert not OURS & set(OF_DJANGOS)


class TestDocuments:
    def test_name_no_command_that_is_not_there(self) -> None:
        told = "\n".join(path.read_text(encoding="utf-8") for path in TELLING)
        named = set(re.findall(r"(?:manage\.py|\./dev manage) ([a-z_]+)", told))
        assert {"replay_webhooks", "reconcile_billing"} <= named <= set(get_commands())
