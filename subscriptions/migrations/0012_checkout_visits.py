"""A visit to Checkout says all that Stripe is asked for, before it is asked; who has had a trial."""

from django.db import migrations, models
from django.db.models.functions import Now

from config.kernel.walls import definer_function

HAD_TRIAL = """
    SELECT EXISTS (
        SELECT 1 FROM subscriptions_subscription WHERE organization_id = asked_organization AND trial_end IS NOT NULL
    ) OR EXISTS (
        SELECT 1 FROM organizations_membership one
        JOIN organizations_membership other ON other.user_id = one.user_id AND other.role = 'owner'
        JOIN subscriptions_subscription had ON had.organization_id = other.organization_id
        WHERE one.organization_id = asked_organization AND one.role = 'owner' AND had.trial_end IS NOT NULL
    )
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0010_require_mfa"), ("subscriptions", "0011_one_live_subscription")]

    operations = [
        migrations.AddField("checkoutsession", "user_id", models.UUIDField(null=True)),
        migrations.AddField(
            "checkoutsession", "stripe_price_id", models.CharField(blank=True, db_default="", max_length=64)
        ),
        migrations.AddField("checkoutsession", "trial_days", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.AddField("checkoutsession", "success_url", models.TextField(blank=True, db_default="")),
        migrations.AddField("checkoutsession", "cancel_url", models.TextField(blank=True, db_default="")),
        migrations.AlterField(
            "checkoutsession", "stripe_session_id", models.CharField(max_length=128, null=True, unique=True)
        ),
        migrations.AlterField("checkoutsession", "created_at", models.DateTimeField(db_default=Now())),
        definer_function(signature="had_trial(asked_organization uuid)", returns="boolean", body=HAD_TRIAL),
    ]
