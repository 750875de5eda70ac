"""Fixtures of the tests of the client SDK."""

from collections.abc import Iterator

import pytest

from tests.client.network import Network
from tests.concurrency.web import Web
from tests.concurrency.web import web as the_web


@pytest.fixture
def web(db: None) -> Web:
    """Return a serving web process of the real server; a test may kill it."""
    served = the_web("client-web")
    served.start()
    return served


@pytest.fixture
def network(web: Web) -> Iterator[Network]:
    """Return the network between the SDK and that server."""
    made = Network(web.url)
    yield made
    made.close()
