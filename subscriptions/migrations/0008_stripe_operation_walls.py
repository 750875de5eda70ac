"""The wall around what is done at Stripe; the web has customers and checkouts made, the worker the rest."""

from django.db import migrations

from config.kernel.walls import grant, tenant_wall


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0007_stripe_operations")]

    operations = [
        tenant_wall("subscriptions_stripeoperation"),
        grant("subscriptions_stripeoperation", "SELECT, INSERT, UPDATE"),
    ]
