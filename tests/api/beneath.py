"""What no request can do: look into every organization's tables at once, and turn back the time in a row."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from django.db import connections

from config.kernel.ids import new_id
from tests.plugins import servers

Result = TypeVar("Result")


def as_owner(statement: str, *values: Any) -> list[Any]:
    """Run a statement as the owner of the tables; return its rows."""
    with psycopg.connect(servers.current().postgres.url("migrator"), autocommit=True) as owner:
        done = owner.execute(statement, values)
        return done.fetchall() if done.description else []


def count(table: str) -> int:
    """Return how many rows a table has; of users, those that signed up."""
    signed_up = " where not is_platform_admin" if table == "users_user" else ""
    return int(as_owner(f"select count(*) from {table}{signed_up}")[0][0])  # noqa: S608  (names from tests)


def until_blocked(number: int) -> None:
    """Return when this many sessions wait for a lock that another holds; fail when they do not."""
    for _ in range(500):
        ((waiting,),) = as_owner("select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0")
        if waiting >= number:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def join(organization_id: str, user_id: str, role: str) -> None:
    """Make a user a member of an organization, as their only one or beside others."""
    as_owner(
        "insert into organizations_membership (id, organization_id, user_id, role, created_at) "
        "values (%s, %s, %s, %s, now())",
        new_id(),
        organization_id,
        user_id,
        role,
    )


def at_once(number: int, call: Callable[[int], Result]) -> list[Result]:
    """Do the same in several threads, each with connections of its own that are closed."""

    def one(index: int) -> Result:
        try:
            return call(index)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))
