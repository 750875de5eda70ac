"""A change of plan is made by one at a time, and one that waits to be paid says until when."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0015_plan_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='subscription',
            name='pending_plan_expires_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='subscription',
            name='plan_change_until',
            field=models.DateTimeField(null=True),
        ),
    ]
