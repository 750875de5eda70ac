"""The walls around usage. The worker alone works days out and deletes what is old; whoever refuses may count it."""

from django.db import migrations

from config.kernel.walls import WORKER, delete_only, grant, tenant_reference, tenant_wall


class Migration(migrations.Migration):
    atomic = False  # so that each statement's lock ends with it
    dependencies = [("licenses", "0014_daily_usage")]

    operations = [
        tenant_wall("licenses_dailyusage", system="SELECT"),
        grant("licenses_dailyusage", "SELECT"),
        grant("licenses_dailyusage", "INSERT", to=WORKER),
        tenant_reference("licenses_dailyusage", "license_id", to="licenses_license"),
        tenant_wall("licenses_usageprogress", system="SELECT"),
        grant("licenses_usageprogress", "SELECT"),
        grant("licenses_usageprogress", "INSERT, UPDATE", to=WORKER),
        tenant_wall("licenses_denialcount", system="SELECT"),
        grant("licenses_denialcount", "SELECT, INSERT, UPDATE"),
        tenant_reference("licenses_denialcount", "license_id", to="licenses_license"),
        # Those that are over, by themselves or by an act: nothing that serves can take a live seat away by deleting it.
        grant("licenses_licensesession", "DELETE", to=WORKER),
        delete_only("licenses_licensesession", "ended_at IS NOT NULL", by=WORKER),
    ]
