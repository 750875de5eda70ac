"""Fixtures every test may use."""

import copy
import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from hypothesis import settings as property_tests
from pytest_django.plugin import DjangoDbBlocker
from rest_framework.test import APIClient

from config.kernel.redis import breaker
from config.kernel.redis import client as redis_client
from tests.plugins import servers

# How long an example takes says how busy the machine is, and not whether what is tested is true.
property_tests.register_profile("unhurried", parent=property_tests(), deadline=None)
property_tests.load_profile("unhurried")

_EMPTY = """
do $$ declare names text; kept text; begin
  -- What is append-only is so for its owner too, who has to say that it is now to be otherwise.
  for kept in select distinct tgrelid::regclass from pg_trigger where tgname = 'append_only_table' loop
    execute 'alter table ' || kept || ' disable trigger append_only_table';
  end loop;
  select string_agg(format('%I', relname), ', ') into names from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
    where c.relkind = 'r' and relname not in ('django_migrations', 'django_content_type', 'auth_permission',
                                              'subscriptions_plan', 'subscriptions_planprice',
                                              'subscriptions_stripeobject', 'kernel_platformkey');
  execute 'truncate ' || names || ' cascade';
  for kept in select distinct tgrelid::regclass from pg_trigger where tgname = 'append_only_table' loop
    execute 'alter table ' || kept || ' enable always trigger append_only_table';
  end loop;
end $$
"""


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """Replace pytest-django's test database: ours was migrated by the bootstrap command, as in a deployment."""


@pytest.fixture(scope="session")
def _without_admin() -> None:
    """Take away what the bootstrap command left, so that the first test finds what every other one does."""
    _empty()


@pytest.fixture
def db(_without_admin: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Allow the database, as the role `coditect_app`, committed for real; every row is gone afterwards.

    Nothing is wrapped in a transaction that is rolled back: what a test sees is what another process would see.
    """
    with django_db_blocker.unblock():
        yield
        for connection in connections.all(initialized_only=True):
            connection.close()
    _empty()


def _empty() -> None:
    with psycopg.connect(servers.current().postgres.url("migrator"), autocommit=True) as owner:
        owner.execute(_EMPTY)


@pytest.fixture(autouse=True)
def _empty_redis() -> None:
    """Start each test with an empty Redis and a closed breaker."""
    if servers._running:
        breaker.reset()
        redis_client().flushall()


@pytest.fixture
def api() -> APIClient:
    """Return a client of the API without credentials."""
    return APIClient()


@pytest.fixture
def json_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return what reads the lines that a process would have written, made by the very handler the settings describe."""
    described: dict[str, Any] = copy.deepcopy(dict(settings.LOGGING))
    configurator = logging.config.DictConfigurator(described)
    stdout = described["handlers"]["console"]
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(configurator.configure_formatter(described["formatters"][stdout["formatter"]]))
    for name in stdout["filters"]:
        handler.addFilter(configurator.configure_filter(described["filters"][name]))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.setLevel(before)
    root.removeHandler(handler)
