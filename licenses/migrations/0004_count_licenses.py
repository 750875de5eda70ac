"""Licences that exist already count towards their organization's quota."""

from django.db import migrations

COUNT = """
    UPDATE organizations_quota q SET used = (
        SELECT count(*) FROM licenses_license l WHERE l.organization_id = q.organization_id AND l.status <> 'inactive')
    WHERE q.name = 'licenses'
"""


class Migration(migrations.Migration):
    dependencies = [("licenses", "0003_seat_beat"), ("organizations", "0006_quota_walls")]

    operations = [migrations.RunSQL(COUNT, migrations.RunSQL.noop)]
