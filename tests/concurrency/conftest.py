"""Fixtures of the tests with many callers."""

from collections.abc import Iterator

import pytest

from tests.concurrency import together
from tests.concurrency.web import Web
from tests.concurrency.web import web as the_web


@pytest.fixture
def web() -> Web:
    """Return a serving web process."""
    first = the_web("web")
    first.start()
    return first


@pytest.fixture
def second_web() -> Web:
    """Return another one, that knows nothing of the first."""
    second = the_web("second-web")
    second.start()
    return second


@pytest.fixture
def holdable(db: None) -> Iterator[None]:
    """Let the test hold grants at a point of its choice."""
    with together.holdable():
        yield
