"""An organization has one open visit to Checkout."""

from django.db import migrations, models

# What was opened before is forgotten as open: paid all the same, its event says so.
CLOSE = "UPDATE subscriptions_checkoutsession SET status = 'expired' WHERE status = 'open'"


class Migration(migrations.Migration):
    atomic = False  # so that each statement's lock ends with it
    dependencies = [("subscriptions", "0012_checkout_visits")]

    operations = [
        migrations.RunSQL(CLOSE, migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY one_open_checkout ON subscriptions_checkoutsession "
                    "(organization_id) WHERE status = 'open'",
                    "DROP INDEX CONCURRENTLY one_open_checkout",
                )
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="checkoutsession",
                    constraint=models.UniqueConstraint(
                        fields=["organization"], condition=models.Q(status="open"), name="one_open_checkout"
                    ),
                )
            ],
        ),
    ]
