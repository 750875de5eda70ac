"""What the SDK is as a package: two dependencies, the oldest Python it promises, every file with its purpose."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[2] / "client"
PACKAGE = CLIENT / "src" / "coditect_license"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PURE = {"seat_life.py", "retries.py", "errors.py"}
"""What decides, and so does nothing: neither network nor clock nor threads."""
_DOING = {"httpx", "time", "threading", "socket", "datetime", "logging", "os"}


def imported(path: Path) -> Iterator[str]:
    """Return the top-level packages that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            yield (node.module or "").split(".")[0]


class TestPackage:
    def test_imports_the_standard_library_its_two_dependencies_and_nothing_of_this_project(self) -> None:
        """The import contract: by a list of what is allowed, and so neither Django nor any app."""
        declared = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]["dependencies"]
        assert {name.split(">")[0] for name in declared} == {"httpx", "cryptography"}
        allowed = {*sys.stdlib_module_names, "httpx", "cryptography", PACKAGE.name}
        assert {name for path in SOURCES for name in imported(path)} - allowed == set()

    def test_decides_apart_from_doing(self) -> None:
        assert {name for path in SOURCES if path.name in PURE for name in imported(path)} & _DOING == set()

    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
    def test_is_written_in_python_3_9(self, path: Path) -> None:
        tree = ast.parse(path.read_text(), feature_version=(3, 9))
        assert "annotations" in {
            alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "__future__"
            for alias in node.names
        }
        assert not [node for node in ast.walk(tree) if type(node).__name__ in {"Match", "TryStar"}]

    def test_says_that_it_is_typed(self) -> None:
        assert (PACKAGE / "py.typed").exists()
