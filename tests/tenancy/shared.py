"""Two organizations asked about over one server connection, however many share it."""

import contextlib
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, connections

from config.kernel.tenancy import organization_context

EVERYBODY = "select pg_backend_pid(), array(select id from organizations_organization order by id)"


def look() -> tuple[int, list[UUID]]:
    """Return which server process answers, and the organizations it shows, asked past the manager."""
    with connection.cursor() as cursor:
        cursor.execute(EVERYBODY)
        process, seen = cursor.fetchone()
        return process, seen


@contextmanager
def connected(**settings: Any) -> Iterator[None]:
    """Connect otherwise for the time of the block, in every thread; `OPTIONS` are added to those there are."""
    handler = connections["default"]
    before = dict(handler.settings_dict)
    connections.close_all()
    handler.settings_dict.update({**settings, "OPTIONS": {**before["OPTIONS"], **settings.get("OPTIONS", {})}})
    try:
        yield
    finally:
        connections.close_all()
        if handler.settings_dict["OPTIONS"].get("pool"):
            handler.close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL backend
        handler.settings_dict.update(before)


def interleave(ids: tuple[UUID, UUID], *, threads: int, transactions: int) -> set[int]:
    """Look from several threads at once, as one organization, the other, or nobody; return which servers answered.

    Fails when anything is seen that is not the organization's whose turn it is.
    """
    start = threading.Barrier(threads)

    def work(seed: int) -> set[int]:
        dice, answered = random.Random(seed), set()
        start.wait()
        try:
            for number in range(transactions):
                mine = dice.choice((*ids, None))
                process, seen = look() if mine is None else _within(mine, fails=number % 7 == 0)
                assert seen == ([] if mine is None else [mine])
                answered.add(process)
                if dice.random() < 0.3:
                    connection.close()  # as at the end of a request
        finally:
            connections.close_all()
        return answered

    with ThreadPoolExecutor(threads) as pool:
        return set().union(*pool.map(work, range(threads)))


def _within(mine: UUID, *, fails: bool) -> tuple[int, list[UUID]]:
    """Look from inside an organization's context, which ends in a failure if it is to."""
    looked: tuple[int, list[UUID]] = (0, [])
    with contextlib.suppress(ZeroDivisionError), organization_context(mine):
        looked = look()
        _ = 1 / (not fails)
    return looked
