"""System checks of the ground: the database role is as weak as it must be, and every tenant table has its wall."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from config.kernel import catalogue

SERVING_ROLES = frozenset({"coditect_app", "coditect_worker"})


class UnsafeDatabaseRole(RuntimeError):
    """The process is connected as a role that row-level security does not bind."""


def refuse_strong_role() -> None:
    """Raise UnsafeDatabaseRole when this process could see over the walls; called before a process serves.

    A database that does not answer is no reason to refuse: the process starts, is not ready, and recovers.
    """
    try:
        with connection.cursor() as cursor:
            faults = catalogue.role_faults(cursor)
    except OperationalError:
        return
    finally:
        connection.close()
    if faults:
        raise UnsafeDatabaseRole(
            f"DATABASE_URL connects as {settings.DATABASES['default']['USER']}: " + "; ".join(faults)
        )


@register(Tags.database)
def check_walls(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Report every table, grant or function that breaks the walls (`manage.py check --database default`).

    `migrate` asks first, too. What it is about to build is not judged by whether it stands already.
    """
    if not databases or "default" not in databases:
        return []
    if _is_to_be_migrated():
        return [CheckWarning("migrations are to be applied; the walls are judged after that", id="kernel.W001")]
    with connection.cursor() as cursor:
        return [Error(fault, id="kernel.E001") for fault in catalogue.wall_faults(cursor)]


def _is_to_be_migrated() -> bool:
    """Return whether migrations are pending, as far as the role may know: those who serve may not and judge at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(to_regclass('django_migrations'), 'SELECT')")
        may_know: bool | None = cursor.fetchone()[0]
    if may_know is None:
        return True  # nothing was ever migrated here
    executor = MigrationExecutor(connection) if may_know else None
    return executor is not None and bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
