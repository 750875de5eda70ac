"""An organization has one live subscription; invoices, flags and duplicates name subscriptions of their own one only."""

from django.db import migrations, models

from config.kernel.walls import tenant_reference

LIVE = "status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused') AND duplicate_of_id IS NULL"


class Migration(migrations.Migration):
    atomic = False  # so that each statement's lock ends with it
    dependencies = [("subscriptions", "0010_dunning_walls")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY one_live_subscription "
                    f"ON subscriptions_subscription (organization_id) WHERE {LIVE}",
                    "DROP INDEX CONCURRENTLY one_live_subscription",
                )
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="subscription",
                    constraint=models.UniqueConstraint(
                        fields=["organization"],
                        condition=models.Q(
                            status__in=["trialing", "active", "past_due", "unpaid", "paused"], duplicate_of=None
                        ),
                        name="one_live_subscription",
                    ),
                )
            ],
        ),
        tenant_reference("subscriptions_subscription", "duplicate_of_id", to="subscriptions_subscription"),
        tenant_reference("subscriptions_invoice", "subscription_id", to="subscriptions_subscription"),
        tenant_reference("subscriptions_billingflag", "subscription_id", to="subscriptions_subscription"),
    ]
