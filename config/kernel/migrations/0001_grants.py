"""What serving processes may do with the tables of Django and of the job queue."""

from django.db import migrations
from django.db.migrations import RunSQL

from config.kernel.walls import WORKER, grant


class Migration(migrations.Migration):
    dependencies = [
        ("procrastinate", "0041_post_retry_failed_job"),
        ("sessions", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        grant("django_session", "SELECT, INSERT, UPDATE, DELETE"),
        grant("django_admin_log", "SELECT, INSERT"),
        grant("django_content_type", "SELECT"),
        grant("auth_permission", "SELECT"),
        # The web adds jobs; it can neither read their arguments nor take them.
        grant("procrastinate_jobs", "INSERT, SELECT (id, queueing_lock)"),
        grant("procrastinate_events", "INSERT"),
        RunSQL(
            "GRANT USAGE ON SEQUENCE procrastinate_jobs_id_seq, procrastinate_events_id_seq TO coditect_app",
            "REVOKE ALL ON SEQUENCE procrastinate_jobs_id_seq, procrastinate_events_id_seq FROM coditect_app",
        ),
        grant("procrastinate_jobs", "SELECT, INSERT, UPDATE, DELETE", to=WORKER),
        grant("procrastinate_periodic_defers", "SELECT, INSERT, UPDATE, DELETE", to=WORKER),
        grant("procrastinate_workers", "SELECT, INSERT, UPDATE, DELETE", to=WORKER),
        grant("procrastinate_events", "SELECT, INSERT", to=WORKER),
        RunSQL(
            "GRANT USAGE ON SEQUENCE procrastinate_periodic_defers_id_seq TO coditect_worker",
            "REVOKE ALL ON SEQUENCE procrastinate_periodic_defers_id_seq FROM coditect_worker",
        ),
    ]
