"""What each licence was used for by day, how far that is worked out, and how often callers were refused a seat."""

import django.db.models.deletion
from django.db import migrations, models

import config.kernel.ids

ID = models.UUIDField(primary_key=True, default=config.kernel.ids.new_id, editable=False, serialize=False)


def _parent(to: str) -> models.ForeignKey:
    return models.ForeignKey(to, on_delete=django.db.models.deletion.PROTECT, related_name="+", db_index=False)


class Migration(migrations.Migration):
    dependencies = [("licenses", "0013_takeover_and_clones"), ("organizations", "0009_data_key_walls")]

    operations = [
        migrations.CreateModel(
            name="DailyUsage",
            fields=[
                ("id", ID.clone()),
                ("organization", _parent("organizations.organization")),
                ("license", _parent("licenses.license")),
                ("day", models.DateField()),
                ("peak_seats", models.PositiveIntegerField()),
                ("sessions", models.PositiveIntegerField()),
                ("leased", models.DurationField()),
                ("ended_sessions", models.PositiveIntegerField()),
                ("ended_leased", models.DurationField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["organization", "license", "day"], name="usage_once_a_day")
                ]
            },
        ),
        migrations.CreateModel(
            name="UsageProgress",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        "organizations.organization",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("closed_through", models.DateField()),
            ],
        ),
        migrations.CreateModel(
            name="DenialCount",
            fields=[
                ("id", ID.clone()),
                ("organization", _parent("organizations.organization")),
                ("license", _parent("licenses.license")),
                ("day", models.DateField()),
                ("source", models.CharField(max_length=64)),
                ("count", models.PositiveBigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["organization", "license", "day", "source"], name="denials_once_a_day_and_counter"
                    )
                ]
            },
        ),
    ]
