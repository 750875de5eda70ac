"""How many events are not applied, and since when, without looking at the millions that are."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # an index made concurrently stops no writer meanwhile
    dependencies = [("subscriptions", "0017_prices_and_portal")]

    operations = [
        AddIndexConcurrently(
            model_name="webhookevent",
            index=models.Index(
                condition=models.Q(("status", "completed"), _negated=True),
                fields=["status", "received_at"],
                name="webhook_unfinished",
            ),
        ),
    ]
