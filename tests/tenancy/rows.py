"""What the database holds of one organization and of its people, read as the owner of the tables."""

import re
from functools import lru_cache
from typing import Any

from tests.api.beneath import as_owner
from tests.tenancy.world import World

PEOPLE = "select user_id from organizations_membership where organization_id = %(organization)s"
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]")
SHORTEST_TELLING = 6


@lru_cache(maxsize=1)
def tables() -> dict[str, str]:
    """Return each table that holds something of an organization or of a person, with what selects its rows."""
    found = as_owner(
        "select c.relname, array_agg(a.attname::text) from pg_class c join pg_attribute a on a.attrelid = c.oid "
        "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not a.attisdropped "
        "and c.relname not like 'procrastinate%%' and c.relname not like 'django%%' group by 1 order by 1"
    )
    selecting = {
        "organization_id": "organization_id = %(organization)s",
        "user_id": f"user_id in ({PEOPLE})",
    }
    own = {"organizations_organization": "id = %(organization)s", "users_user": f"id in ({PEOPLE})"}
    by_column = {
        table: selecting[next(name for name in selecting if name in columns)]
        for table, columns in found
        if set(columns) & set(selecting)
    }
    return by_column | own


def picture(world: World) -> dict[str, tuple[int, str]]:
    """Return, by table, how many rows are the organization's and a digest of all that stands in them."""
    asked = " union all ".join(
        f"select '{table}', count(*), md5(string_agg(t::text, '|' order by t::text)) from {table} t where {condition}"  # noqa: S608
        for table, condition in tables().items()
    )
    return {table: (number, digest) for table, number, digest in as_owner(_filled(asked, world))}


@lru_cache(maxsize=8)
def ids(world: World) -> dict[str, list[str]]:
    """Return the ids of the organization's rows, by table, as they were when first asked for."""
    return {
        table: [str(row["id"]) for row in _rows(table, condition, world) if "id" in row]
        for table, condition in tables().items()
    }


def tellings(world: World, *, beside: World) -> set[str]:
    """Return every id, name, address and key that is this organization's alone, and so must be told to no other."""
    return _words(world) - _words(beside)


def _words(world: World) -> set[str]:
    written = {
        value
        for table, condition in tables().items()
        for row in _rows(table, condition, world)
        for value in row.values()
        if isinstance(value, str) and len(value) >= SHORTEST_TELLING and not _TIME.match(value)
    }
    return written | {world.license_key, world.signed_token}


def _rows(table: str, condition: str, world: World) -> list[dict[str, Any]]:
    return [row for (row,) in as_owner(_filled(f"select to_jsonb(t) from {table} t where {condition}", world))]  # noqa: S608


def _filled(statement: str, world: World) -> str:
    return statement.replace("%(organization)s", f"'{world.organization_id}'")
