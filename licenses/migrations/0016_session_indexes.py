"""Ten million past sessions cost acquires and beats nothing: no index holds what a beat changes, past ones lie apart.

The new ones are there before the old ones go, all concurrently (docs/adr/0009-session-history.md).
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

TABLE = "licenses_licensesession"
BY_PARENT = {
    "license": "licenses_licensesession_license_id_39ea3fcf",
    "organization": "licenses_licensesession_organization_id_5e702672",
}


def _drop(name: str, column: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"DROP INDEX CONCURRENTLY {name}", f"CREATE INDEX CONCURRENTLY {name} ON {TABLE} ({column})"
    )


def _parent(to: str, on_delete: object) -> models.ForeignKey:
    return models.ForeignKey(to, on_delete=on_delete, related_name="+", db_index=False)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("licenses", "0015_daily_usage_walls")]

    operations = [
        AddIndexConcurrently(
            "licensesession",
            models.Index(fields=["organization", "license", "acquired_at"], name="session_by_beginning"),
        ),
        AddIndexConcurrently(
            "licensesession",
            models.Index(
                fields=["organization", "license", "ended_at"],
                condition=models.Q(ended_at__isnull=False),
                name="past_session_by_end",
            ),
        ),
        RemoveIndexConcurrently("licensesession", "session_history"),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "licensesession", "license", _parent("licenses.license", django.db.models.deletion.CASCADE)
                ),
                migrations.AlterField(
                    "licensesession",
                    "organization",
                    _parent("organizations.organization", django.db.models.deletion.PROTECT),
                ),
            ],
            database_operations=[_drop(name, f"{parent}_id") for parent, name in BY_PARENT.items()],
        ),
    ]
