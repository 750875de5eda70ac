"""Rules of the house that no ready-made linter knows, checked over the whole source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "users", "organizations", "subscriptions", "licenses", "emails", "api")
BANNED_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py", "signals.py"}


def sources() -> Iterator[Path]:
    """Return every Python file of the product, migrations apart."""
    for app in APPS:
        yield from (path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
    yield from (ROOT / "client" / "src").rglob("*.py")


def foreign_managers(path: Path) -> list[str]:
    """Return uses of `Model.objects` where the model belongs to another app."""
    tree = ast.parse(path.read_text())
    own = path.relative_to(ROOT).parts[0]
    foreign = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and re.fullmatch(rf"(?!{own}\.)\w+\.models(\.\w+)?", node.module or "")
        for alias in node.names
    }
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"objects", "_base_manager", "_default_manager"}
        and isinstance(node.value, ast.Name)
        and node.value.id in foreign
    ]


class TestSource:
    def test_queries_only_the_models_of_its_own_app(self) -> None:
        assert [use for path in sources() for use in foreign_managers(path)] == []

    def test_sets_the_tenant_context_for_the_transaction_only(self) -> None:
        pattern = re.compile(r"set_config\([^)]*,\s*false\)|SET\s+(SESSION\s+)?app\.", re.IGNORECASE)
        assert [str(path) for path in sources() if pattern.search(path.read_text())] == []

    def test_reads_the_environment_in_one_place(self) -> None:
        readers = {
            str(path.relative_to(ROOT)) for path in sources() if re.search(r"os\.environ|getenv", path.read_text())
        }
        assert readers == {"config/env.py", "config/wsgi.py", "config/asgi.py"}

    def test_has_no_room_without_a_subject(self) -> None:
        assert [str(path) for path in sources() if path.name in BANNED_NAMES] == []

    def test_opens_every_file_with_what_it_is_for(self) -> None:
        silent = [
            str(path.relative_to(ROOT))
            for path in sources()
            if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
        ]
        assert silent == []

    @pytest.mark.parametrize("app", [app for app in APPS if app not in {"config", "api"}])
    def test_has_the_same_rooms_in_every_app(self, app: str) -> None:
        rooms = {path.name for path in (ROOT / app).iterdir()}
        assert {"README.md", "apps.py", "errors.py", "models", "services", "tasks.py"} - rooms == set()
