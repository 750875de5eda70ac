"""A trial that an owner may still begin, on an open checkout page of another organization, counts as had."""

from importlib import import_module

from django.db import migrations

from config.kernel.walls import definer_function, replaced

before = import_module("subscriptions.migrations.0012_checkout_visits")

# A page can be paid for 24 hours; a visit that is open for longer is one that nobody lived to follow.
HAD_OR_MAY_HAVE = f"""{before.HAD_TRIAL} OR EXISTS (
        SELECT 1 FROM organizations_membership one
        JOIN organizations_membership other ON other.user_id = one.user_id AND other.role = 'owner'
        JOIN subscriptions_checkoutsession may ON may.organization_id = other.organization_id
        WHERE one.organization_id = asked_organization AND one.role = 'owner'
          AND may.organization_id <> asked_organization AND may.trial_days > 0
          AND may.status = 'open' AND may.created_at > now() - interval '25 hours'
    )
"""


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0018_webhook_unfinished")]

    operations = replaced(
        before.Migration.operations[-1],
        by=definer_function(signature="had_trial(asked_organization uuid)", returns="boolean", body=HAD_OR_MAY_HAVE),
    )
