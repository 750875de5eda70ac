"""Folders for servers of the local stack's own tests, deleted with what is in them."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that the server's user can enter: pytest's own are closed to everyone but the tester."""
    path = Path(tempfile.mkdtemp(prefix="coditect test "))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)
