"""Encrypts stored values anew under a newer data key, while others read and write the same rows.

Every ciphertext is led by the version of its key, so what is left to do is found in the rows themselves: a run that is
killed is simply run again.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from django.db.models import BinaryField, ExpressionWrapper, Func, Model, QuerySet, Value
from django.db.models.expressions import Col

from config.kernel.cipher import CannotDecrypt

logger = logging.getLogger(__name__)

VERSION_BYTES = 4
BATCH = 200
"""Rows that are locked together, for some milliseconds."""


class _Led(Func):
    """The first bytes of a stored value: the version of its key."""

    template = f"substring(%(expressions)s from 1 for {VERSION_BYTES})"
    output_field = BinaryField()


def reencrypt(
    rows: Callable[[], QuerySet[Any]],
    column: str,
    *,
    newest: int,
    anew: Callable[[Any, bytes], bytes],
    within: Callable[[], AbstractContextManager[None]],
) -> int:
    """Replace every value of `column` that is not under the key `newest` by `anew(row, value)`; return how many.

    A row that somebody else writes meanwhile keeps what they wrote. A value that does not open is logged and left.
    `within` opens the transaction of each batch, in which `rows` are seen.
    """
    done, after = 0, None
    while True:
        with within():
            found = _bytes_of(rows(), column).exclude(led=_version(newest)).filter(stored__isnull=False)
            batch = list((found.filter(pk__gt=after) if after else found).order_by("pk")[:BATCH])
            done += sum(_replace(rows, column, row, anew) for row in batch)
        if len(batch) < BATCH:
            return done
        after = batch[-1].pk


def is_carried(rows: QuerySet[Any], column: str, version: int) -> bool:
    """Return whether a value is encrypted under this version of the key."""
    return _bytes_of(rows, column).filter(led=_version(version)).exists()


def _replace(rows: Callable[[], QuerySet[Any]], column: str, row: Model, anew: Callable[[Any, bytes], bytes]) -> int:
    old = bytes(row.stored)  # type: ignore[attr-defined]  # annotated
    try:
        value = Value(anew(row, old), output_field=BinaryField())
    except CannotDecrypt:
        logger.exception("%s %s: a value of %s does not open", row._meta.label, row.pk, column)
        return 0
    return _bytes_of(rows(), column).filter(pk=row.pk, stored=old).update(**{column: value})


def _bytes_of(rows: QuerySet[Any], column: str) -> QuerySet[Any]:
    # By hand, because encrypted fields refuse to be part of an expression.
    raw = Col(rows.model._meta.db_table, rows.model._meta.get_field(column))
    stored = ExpressionWrapper(raw, output_field=BinaryField())
    annotated: QuerySet[Any] = rows.annotate(stored=stored, led=_Led(stored))
    return annotated


def _version(version: int) -> bytes:
    return version.to_bytes(VERSION_BYTES, "big")
