"""Invoices are shown by the number on their paper, and with the paper."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0013_one_open_checkout'),
    ]

    operations = [
        migrations.AddField(
            model_name='invoice',
            name='invoice_pdf',
            field=models.TextField(blank=True, db_default=''),
        ),
        migrations.AddField(
            model_name='invoice',
            name='number',
            field=models.CharField(blank=True, db_default='', max_length=64),
        ),
    ]
