"""Sessions that were taken over by their member's other machine, and what looks like clones."""

from importlib import import_module

from django.db import migrations, models

from config.kernel.walls import definer_function, replaced

before = import_module("licenses.migrations.0012_seats_in_one_round_trip")
# A beat that finds its session ended says why: the machine whose seat was taken over is told so, in the same trip.
ARGUMENTS = """sessions uuid[], licenses uuid[], organizations uuid[], sequences bigint[], lease_seconds integer,
    wait boolean"""


class Migration(migrations.Migration):
    dependencies = [("licenses", "0012_seats_in_one_round_trip")]

    operations = [
        migrations.AddField("licensesession", "clones_suspected", models.PositiveIntegerField(default=0, db_default=0)),
        migrations.AddField("licensesession", "clone_reported_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            "licensesession",
            "end_reason",
            models.CharField(
                blank=True,
                choices=[
                    ("released", "Released"),
                    ("expired", "Expired"),
                    ("license_ended", "License Ended"),
                    ("forced", "Forced"),
                    ("taken_over", "Taken Over"),
                ],
                max_length=16,
            ),
        ),
        *replaced(
            before.Migration.operations[-1],
            by=definer_function(
                signature=f"seat_beat({ARGUMENTS})",
                returns="""TABLE (session_id uuid, renewed boolean, busy boolean, beat_at timestamptz, lease_no bigint,
                    sequence bigint, hardware_hash bytea, expires_at timestamptz, ended boolean, end_reason varchar,
                    license_status varchar, license_expires_at timestamptz, grace_period_ends_at timestamptz)""",
                language="plpgsql",
                body=before.BEAT.replace("s.ended_at IS NOT NULL,", "s.ended_at IS NOT NULL, s.end_reason,"),
            ),
        ),
    ]
