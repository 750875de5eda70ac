"""Seats on leases of days: how many a licence lends, and which sessions are such; old rows are what they were."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('licenses', '0016_session_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='license',
            name='max_borrowed_seats',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='licensesession',
            name='kind',
            field=models.CharField(choices=[('floating', 'Floating'), ('borrowed', 'Borrowed')], db_default='floating', default='floating', max_length=16),
        ),
    ]
