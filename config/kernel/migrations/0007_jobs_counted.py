"""Lets the system role count jobs for the metrics: how many, how old; never what they are about."""

from django.db import migrations

from config.kernel.walls import SYSTEM, grant


class Migration(migrations.Migration):
    dependencies = [("kernel", "0006_platform_key_walls")]

    operations = [
        grant("procrastinate_jobs", "SELECT (id, queue_name, status, scheduled_at)", to=SYSTEM),
        grant("procrastinate_events", "SELECT (job_id, type, at)", to=SYSTEM),
        grant("procrastinate_workers", "SELECT (id, last_heartbeat)", to=SYSTEM),
    ]
