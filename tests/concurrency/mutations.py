"""Takes a part out of a function in the database for a while: to show that a test notices when it is missing."""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from tests.concurrency.seated_license import owner_connection


@contextmanager
def without(part: str, *, function: str, instead: str = "") -> Iterator[None]:
    """Replace what matches `part` in a function's text while the block runs; raises AssertionError if nothing does."""
    with owner_connection() as owner:
        row = owner.execute("select pg_get_functiondef(%s::regproc)", [function]).fetchone()
        assert row is not None
        whole = str(row[0])
        mutated, count = re.subn(part, instead, whole, flags=re.DOTALL)
        assert count, f"{function} has no {part}"
        owner.execute(mutated.encode())
        try:
            yield
        finally:
            owner.execute(whole.encode())


@contextmanager
def all_without(parts: Iterable[tuple[str, str, str]]) -> Iterator[None]:
    """Replace several: function, part, and what stands there instead."""
    with ExitStack() as stack:
        for function, part, instead in parts:
            stack.enter_context(without(part, function=function, instead=instead))
        yield
