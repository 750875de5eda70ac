"""Every column whose values are encrypted by `envelope.wrap`, and their walk when the platform's data key is rotated.

What is encrypted with an organization's key is an `EncryptedTextField` and needs no list.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from config.kernel import envelope, platform_keys, reencryption
from config.kernel.models import PlatformKey
from config.kernel.tenancy import organization_context, system_context

Context = Callable[[], AbstractContextManager[None]]

KEPT_AFTER_RETIREMENT = timedelta(days=1)
"""No process, request or job that still holds an old version lives so long."""


@dataclass(frozen=True)
class SealedColumn:
    """A column of `envelope.wrap`, and the context that its values are bound to, written in terms of their row."""

    model: str
    column: str
    context: tuple[str, ...]


SEALED_COLUMNS = [
    SealedColumn("emails.EmailLog", "data", ("{row.organization_id}", "email.data", "{row.id}")),
    SealedColumn("users.Authenticator", "secret", ("users.totp", "{row.user_id}")),
    SealedColumn("kernel.IdempotentRequest", "answer", ("idempotency", "{row.id}")),
]


def reencrypt() -> int:
    """Encrypt anew what an older version of the platform's key encrypts, then set that version aside.

    Returns how many values were replaced. Run by the worker; running it again goes on where it ended.
    """
    newest, _ = platform_keys.newest()
    done = sum(_reencrypt(column, newest, within) for column in SEALED_COLUMNS for within in _contexts(column))
    with system_context(reason="retire versions of the platform's data key"):
        older = list(PlatformKey.objects.filter(version__lt=newest).values_list("version", flat=True))
    for version in older:
        carried = [_is_carried(column, version, within) for column in SEALED_COLUMNS for within in _contexts(column)]
        _retire(version, carried=any(carried))
    return done


def _retire(version: int, *, carried: bool) -> None:
    with system_context(reason="retire a version of the platform's data key"):
        row = PlatformKey.objects.filter(version=version)
        if carried:
            row.update(retired_at=None)
            return
        row.filter(retired_at__lt=Now() - KEPT_AFTER_RETIREMENT).delete()
        row.filter(retired_at=None).update(retired_at=Now())


def _reencrypt(column: SealedColumn, newest: int, within: Context) -> int:
    def anew(row: Model, old: bytes) -> bytes:
        context = [part.format(row=row) for part in column.context]
        return envelope.wrap(envelope.unwrap(old, *context), *context)

    rows = partial(_rows, column)
    return reencryption.reencrypt(rows, column.column, newest=newest, anew=anew, within=within)


def _is_carried(column: SealedColumn, version: int, within: Context) -> bool:
    with within():
        return reencryption.is_carried(_rows(column), column.column, version)


def _rows(column: SealedColumn) -> QuerySet[Any]:
    rows: QuerySet[Any] = apps.get_model(column.model)._default_manager.all()
    return rows


def _contexts(column: SealedColumn) -> list[Context]:
    """Return where rows of the column are seen: each organization that has some; a transaction for a global table."""
    model = apps.get_model(column.model)
    if not any(field.attname == "organization_id" for field in model._meta.local_fields):
        return [transaction.atomic]
    with system_context(reason="find organizations with sealed values"):
        sealed = _rows(column).exclude(**{column.column: None}).order_by()
        owners = list(sealed.values_list("organization_id", flat=True).distinct())
    return [partial(organization_context, owner) for owner in owners]
