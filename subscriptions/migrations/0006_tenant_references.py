"""A checkout names a subscription of its own organization only."""

from django.db import migrations

from config.kernel.walls import tenant_key, tenant_reference


class Migration(migrations.Migration):
    atomic = False  # so that each statement's lock ends with it
    dependencies = [("subscriptions", "0005_seed_plan_quotas")]

    operations = [
        tenant_key("subscriptions_subscription"),
        tenant_reference("subscriptions_checkoutsession", "subscription_id", to="subscriptions_subscription"),
    ]
