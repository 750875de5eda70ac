"""Licences, machines and sessions name parents of their own organization only, and are unique within it."""

from django.db import migrations, models
from django.db.models import Q

from config.kernel.walls import tenant_key, tenant_reference

OPEN_SESSION = "CREATE UNIQUE INDEX CONCURRENTLY {name} ON licenses_licensesession ({columns}) WHERE ended_at IS NULL"
LED = {"name": "one_open_session_a_machine", "columns": "organization_id, license_id, hardware_hash"}
OLD = {"name": "one_open_session_per_machine", "columns": "license_id, hardware_hash"}


class Migration(migrations.Migration):
    atomic = False  # so that each statement's lock ends with it
    dependencies = [("licenses", "0004_count_licenses"), ("subscriptions", "0006_tenant_references")]

    operations = [
        tenant_key("licenses_license"),
        tenant_reference("licenses_license", "subscription_id", to="subscriptions_subscription"),
        tenant_reference("licenses_activation", "license_id", to="licenses_license"),
        tenant_reference("licenses_licensesession", "license_id", to="licenses_license"),
        # The new index is there before the old one goes: at no moment may a machine hold two sessions.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("licensesession", OLD["name"]),
                migrations.AddConstraint(
                    "licensesession",
                    models.UniqueConstraint(
                        fields=["organization", "license", "hardware_hash"],
                        condition=Q(ended_at=None),
                        name=LED["name"],
                    ),
                ),
            ],
            database_operations=[
                migrations.RunSQL(OPEN_SESSION.format(**LED), f"DROP INDEX CONCURRENTLY {LED['name']}"),
                migrations.RunSQL(f"DROP INDEX CONCURRENTLY {OLD['name']}", OPEN_SESSION.format(**OLD)),
            ],
        ),
    ]
