"""The walls around subscriptions; the inbox is written by the web and read by the worker only."""

from django.db import migrations

from config.kernel.walls import SYSTEM, WORKER, definer_function, grant, tenant_wall


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0001_initial"), ("organizations", "0002_walls")]

    operations = [
        grant("subscriptions_plan", "SELECT"),
        grant("subscriptions_plan", "SELECT", to=SYSTEM),
        tenant_wall("subscriptions_subscription"),
        grant("subscriptions_subscription", "SELECT, INSERT, UPDATE"),
        tenant_wall("subscriptions_checkoutsession"),
        grant("subscriptions_checkoutsession", "SELECT, INSERT, UPDATE"),
        # Payloads hold every customer's data: the web may add one and see that it is there, no more.
        grant("subscriptions_webhookevent", "INSERT, SELECT (id, stripe_event_id)"),
        grant("subscriptions_webhookevent", "SELECT, UPDATE", to=WORKER),
        grant("subscriptions_webhookevent", "SELECT, UPDATE", to=SYSTEM),
        definer_function(
            signature="checkout_organization(asked_session varchar)",
            returns="uuid",
            body="SELECT organization_id FROM subscriptions_checkoutsession WHERE stripe_session_id = asked_session",
        ),
    ]
