"""Fixtures that hand out the servers of the run to be broken, and put them right afterwards."""

from collections.abc import Iterator

import pytest
from django.db import connections

from deploy.local.postgres import Postgres
from deploy.local.redis_server import RedisServer
from tests.concurrency import together
from tests.concurrency.web import Web
from tests.concurrency.web import web as the_web
from tests.plugins import servers


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """Return Redis; it runs again afterwards."""
    server = servers.current().redis
    yield server
    server.resume()
    server.start()


@pytest.fixture
def postgres(db: None) -> Iterator[Postgres]:
    """Return PostgreSQL; it runs again afterwards, and nobody here keeps a connection to the one that died."""
    server = servers.current().postgres
    yield server
    server.start()
    for connection in connections.all(initialized_only=True):
        connection.close()


@pytest.fixture
def holdable(db: None) -> Iterator[None]:
    """Let the test hold grants at a point of its choice."""
    with together.holdable():
        yield


@pytest.fixture
def web() -> Web:
    """Return a serving web process."""
    first = the_web("web")
    first.start()
    return first


@pytest.fixture
def doomed_web() -> Web:
    """Return another one, to be killed."""
    second = the_web("second-web")
    second.start()
    return second
