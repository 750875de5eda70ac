"""Finding a licence by its key: what is counted, and that the database plans only once what is asked all the time."""

from typing import Any

import pytest
from django.db import connection

from licenses import lookup
from licenses.lookup import KeyHolder
from licenses.services import acquiring
from tests.api.beneath import as_owner
from tests.concurrency import seated_license


class TestSeats:
    def test_are_counted_only_when_that_is_asked_for(self, db: None) -> None:
        license_ = seated_license.issue(seats=2)
        acquiring.acquire(license_key=license_.key, hardware_id="machine-0001", holder=KeyHolder())
        counted = lookup.get_for_holder(license_key=license_.key, holder=KeyHolder())
        assert (counted.seats.used, counted.seats.limit) == (1, 2)
        uncounted = lookup.get_for_holder(license_key=license_.key, holder=KeyHolder(), counting=False)
        assert uncounted.seats_used is None
        with pytest.raises(ValueError, match="not counted"):
            uncounted.seats  # noqa: B018  (a property that raises)

    def test_are_not_counted_by_an_acquire(self, db: None) -> None:
        license_, asked = seated_license.issue(seats=2), []

        def note(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
            asked.extend([params[-1]] if "license_of_key" in sql else [])
            return execute(sql, params, *rest)

        with connection.execute_wrapper(note):
            acquiring.acquire(license_key=license_.key, hardware_id="machine-0001", holder=KeyHolder())
        assert asked == [False]


class TestPlans:
    @pytest.mark.parametrize("name", ["license_of_key", "seat_beat"])
    def test_of_what_machines_ask_all_the_time_are_kept(self, db: None, name: str) -> None:
        """In PL/pgSQL, since a function in SQL is planned at each call; the newest by its arguments."""
        ((language, settings),) = as_owner(
            "select l.lanname, p.proconfig from pg_proc p join pg_language l on l.oid = p.prolang "
            "where p.proname = %s order by p.pronargs desc limit 1",
            name,
        )
        assert (language, "plan_cache_mode=force_generic_plan" in settings) == ("plpgsql", True)
