"""What plan a subscription is to have, from when, and under which key Stripe is asked for it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0014_invoice_papers'),
    ]

    operations = [
        migrations.AddField(
            model_name='subscription',
            name='pending_plan',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='subscriptions.plan'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='pending_plan_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='subscription',
            name='pending_plan_key',
            field=models.UUIDField(null=True),
        ),
    ]
