"""Every price that a plan has had, so that who pays an old one is known; and the billing portal's configuration."""

import django.db.models.deletion
from django.db import migrations, models

from config.kernel.walls import SYSTEM, grant

PRESENT_PRICES = """
    INSERT INTO subscriptions_planprice (stripe_price_id, plan_id)
    SELECT stripe_price_id, id FROM subscriptions_plan WHERE stripe_price_id IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0016_plan_changes_one_by_one")]

    operations = [
        migrations.CreateModel(
            name="PlanPrice",
            fields=[
                ("stripe_price_id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="subscriptions.plan"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StripeObject",
            fields=[
                (
                    "name",
                    models.CharField(
                        choices=[("billing_portal", "Billing Portal")], max_length=40, primary_key=True, serialize=False
                    ),
                ),
                ("stripe_id", models.CharField(max_length=64)),
            ],
        ),
        grant("subscriptions_planprice", "SELECT"),
        grant("subscriptions_planprice", "SELECT", to=SYSTEM),
        grant("subscriptions_stripeobject", "SELECT"),
        migrations.RunSQL(sql=PRESENT_PRICES, reverse_sql=migrations.RunSQL.noop),
    ]
