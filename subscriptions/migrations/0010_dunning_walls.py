"""The walls around invoices and flags, who writes what, and until when what exists is paid."""

from django.db import migrations

from config.kernel.walls import SYSTEM, WORKER, grant, tenant_wall

PAID_UNTIL = "UPDATE subscriptions_subscription SET paid_until = current_period_end"


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0009_dunning")]

    operations = [
        tenant_wall("subscriptions_invoice"),
        grant("subscriptions_invoice", "SELECT, INSERT, UPDATE"),
        tenant_wall("subscriptions_billingflag"),
        grant("subscriptions_billingflag", "SELECT, INSERT, UPDATE"),
        # Reports name subscriptions of everybody: the web neither writes nor reads them but through the system door.
        grant("subscriptions_reconcilerun", "SELECT, INSERT", to=WORKER),
        grant("subscriptions_reconcilerun", "SELECT", to=SYSTEM),
        migrations.RunSQL(PAID_UNTIL, migrations.RunSQL.noop),
    ]
