"""Which organization this unit of work belongs to, told to PostgreSQL, whose row-level security enforces it.

Two ways to touch rows (`aside` only adds what must outlive a refusal):

* `organization_context(id)`: one transaction in which only that organization's rows exist.
* `system_context(reason)`: one transaction as the role `coditect_system`, across organizations, logged. For finding
  work and for staff; business changes are then made inside `organization_context`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.backends.utils import CursorWrapper

from config.kernel.errors import DomainError

logger = logging.getLogger(__name__)

_organization: ContextVar[UUID | None] = ContextVar("organization", default=None)
_system: ContextVar[bool] = ContextVar("system", default=False)
_memory: ContextVar[dict[str, Any] | None] = ContextVar("memory", default=None)

SYSTEM_ALIAS = "system"
ASIDE_ALIAS = "aside"


class NoOrganizationContext(RuntimeError):
    """Tenant-owned rows were asked for outside any context: a programming error, never a caller's."""


@contextmanager
def organization_context(organization_id: UUID) -> Iterator[None]:
    """Run the block in one transaction that sees and writes only this organization's rows.

    Nesting for the same organization joins the outer block: what fails inside fails all of it. Entering another
    organization from within one, or from the system door, raises RuntimeError: a unit of work has one owner.
    """
    current = _organization.get()
    if _system.get() or (current is not None and current != organization_id):
        raise RuntimeError(f"already working for {current or 'the whole system'}")
    outlived = current is None and connection.in_atomic_block
    with transaction.atomic(savepoint=current is None):
        if current is None:
            _tell_postgres(str(organization_id))
        token = _organization.set(organization_id)
        memory = _memory.set({} if current is None else _memory.get())
        try:
            yield
        except DomainError as refusal:
            refusal.within(organization_id)
            raise
        finally:
            _memory.reset(memory)
            _organization.reset(token)
        if outlived:
            # The caller's transaction goes on, and must not go on seeing these rows. A rollback needs no telling.
            _tell_postgres("")


@contextmanager
def aside(organization_id: UUID | None) -> Iterator[CursorWrapper]:
    """Run the block in a transaction of its own on a connection of its own, of the same role; yields the cursor.

    What is written there stays, whatever becomes of the unit of work that goes on.
    """
    with transaction.atomic(using=ASIDE_ALIAS), connections[ASIDE_ALIAS].cursor() as cursor:
        if organization_id is not None:
            _tell_postgres(str(organization_id), using=ASIDE_ALIAS)
        yield cursor


def _tell_postgres(organization_id: str, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Set the organization for the transaction only, so that no pooled connection can carry it to the next request."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('app.organization_id', %s, true)", [organization_id])


@contextmanager
def system_context(*, reason: str) -> Iterator[None]:
    """Run the block in one transaction across all organizations, as the role `coditect_system`; `reason` is logged."""
    if _organization.get() is not None:
        raise RuntimeError("the system door does not open from inside an organization")
    logger.info("system door opened", extra={"reason": reason})
    with transaction.atomic(using=SYSTEM_ALIAS):
        token = _system.set(True)
        try:
            yield
        finally:
            _system.reset(token)


def current_organization_id() -> UUID:
    """Return the organization of this unit of work; raises NoOrganizationContext outside one."""
    organization_id = _organization.get()
    if organization_id is None:
        raise NoOrganizationContext("no organization context is set")
    return organization_id


def refuse_other(organization_id: UUID) -> None:
    """Raise RuntimeError in a unit of work of another organization.

    For what tells PostgreSQL the organization by itself, in a function that saves a round trip: there it would move the
    transaction of its caller over the wall.
    """
    current = _organization.get()
    if current is not None and current != organization_id:
        raise RuntimeError(f"already working for {current}")


def memory_of_this_unit() -> dict[str, Any]:
    """Return what this unit of work remembers for itself, empty at first; raises NoOrganizationContext outside one."""
    memory = _memory.get()
    if memory is None:
        raise NoOrganizationContext("no organization context is set")
    return memory


class SystemDoorRouter:
    """Sends queries to the system role's connection inside `system_context`, and migrations only to the default."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        """Return the connection that reads go to."""
        return SYSTEM_ALIAS if _system.get() else None

    db_for_write = db_for_read

    def allow_relation(self, left: models.Model, right: models.Model, **hints: Any) -> bool | None:
        """Allow relations: both aliases are the same database, seen by two roles."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Return whether migrations run on this alias."""
        return db == DEFAULT_DB_ALIAS


_Row = TypeVar("_Row", bound=models.Model)


class TenantManager(models.Manager[_Row]):
    """Refuses to build a query outside a context.

    Row-level security would answer it with silence (no rows); the mistake should be loud.
    """

    def get_queryset(self) -> models.QuerySet[_Row]:
        """Return the queryset; raises NoOrganizationContext outside `organization_context` and `system_context`."""
        if _organization.get() is None and not _system.get():
            raise NoOrganizationContext(f"{self.model.__name__} rows were asked for outside an organization context")
        return super().get_queryset()
