"""What providers tell about mails, the addresses that get none, and how often a mail may have been sent twice."""

import config.kernel.ids
from django.db import migrations, models

from config.kernel.walls import WORKER, grant, tenant_wall


class Migration(migrations.Migration):

    dependencies = [
        ('emails', '0002_walls'),
    ]

    operations = [
        migrations.AddField(
            model_name='emaillog',
            name='uncertain_sends',
            field=models.PositiveIntegerField(db_default=0),
        ),
        migrations.AlterField(
            model_name='emaillog',
            name='status',
            field=models.CharField(choices=[('queued', 'Queued'), ('sending', 'Sending'), ('failed', 'Failed'), ('sent', 'Sent'), ('suppressed', 'Suppressed'), ('delivered', 'Delivered'), ('bounced', 'Bounced')], default='queued', max_length=16),
        ),
        migrations.CreateModel(
            name='ProviderEvent',
            fields=[
                ('id', models.UUIDField(default=config.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('provider_event_id', models.CharField(max_length=128, unique=True)),
                ('payload', models.JSONField()),
                ('received_at', models.DateTimeField(auto_now_add=True)),
                ('applied_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('applied_at', None)), fields=['id'], name='provider_event_waits')],
            },
        ),
        migrations.CreateModel(
            name='SuppressedAddress',
            fields=[
                ('id', models.UUIDField(default=config.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('organization_id', models.UUIDField()),
                ('address_hash', models.BinaryField(max_length=32)),
                ('reason', models.CharField(choices=[('bounced', 'Bounced'), ('complained', 'Complained')], max_length=16)),
                ('email_id', models.UUIDField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('organization_id', 'address_hash'), name='address_is_suppressed_once')],
            },
        ),
        tenant_wall("emails_suppressedaddress"),
        grant("emails_suppressedaddress", "SELECT, INSERT, DELETE"),
        # The web stores what arrives, and sees nothing of it.
        grant("emails_providerevent", "INSERT"),
        grant("emails_providerevent", "SELECT, UPDATE, DELETE", to=WORKER),
    ]
