"""Sessions that were taken over by their member's other machine, and what looks like clones."""

from django.db import migrations, models


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
    ]
