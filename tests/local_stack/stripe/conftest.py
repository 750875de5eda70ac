"""A running stand-in, the real SDK pointed at it, a receiver for its webhooks; every answer seen is held to shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.sdk_shapes import complaints
from tests.local_stack.stripe.standin import Standin


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Catches what the module's stand-in delivers."""
    with Receiver() as catching:
        yield catching


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Standin]:
    """One process for the tests of a module, which make their own objects in it."""
    with Standin(tmp_path_factory.mktemp("stripe"), receiver.url) as running:
        yield running


@pytest.fixture(scope="module")
def open_standin(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Standin]:
    """One process that lets in any test key, for callers who bring their own."""
    with Standin(tmp_path_factory.mktemp("stripe"), receiver.url, any_key=True) as running:
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Standin, Receiver]]:
    """A process and a receiver of the test's own, to be killed, disturbed and started again."""
    with Receiver() as catching, Standin(tmp_path, catching.url) as running:
        yield running, catching


@pytest.fixture(autouse=True)
def everything_emitted_has_stripes_shape(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: no API answer, event or webhook that it caused may differ from the SDK's classes."""
    used: list[tuple[Standin, Receiver]] = []
    for name in ("standin", "open_standin"):
        if name in request.fixturenames:
            used.append((request.getfixturevalue(name), request.getfixturevalue("receiver")))
    if "fresh" in request.fixturenames:
        used.append(request.getfixturevalue("fresh"))
    yield
    seen: list[object] = []
    for running, catching in used:
        seen += running.take_answers() + running.take_events() + [received.event for received in catching.received]
    wrong = sorted({complaint for doc in seen for complaint in complaints(doc)})
    assert not wrong, "\n".join(wrong)
