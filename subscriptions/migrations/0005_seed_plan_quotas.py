"""What each plan of the price list allows, and so each organization that pays for one; null is no limit."""

from django.db import migrations

QUOTAS = {
    "starter": {"members": 10, "licenses": 1, "memory_sessions": 10_000, "requests_per_minute": 600},
    "pro": {"members": 50, "licenses": 3, "memory_sessions": 100_000, "requests_per_minute": 1_800},
    "enterprise": {"members": None, "licenses": None, "memory_sessions": None, "requests_per_minute": 6_000},
}
PAID_FOR = """
    UPDATE organizations_quota q SET allowed = (p.quotas ->> q.name)::integer
    FROM subscriptions_subscription s JOIN subscriptions_plan p ON p.id = s.plan_id
    WHERE q.organization_id = s.organization_id
      AND s.status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused')
"""


def seed(apps, schema_editor):
    for slug, quotas in QUOTAS.items():
        apps.get_model("subscriptions", "Plan").objects.filter(slug=slug).update(quotas=quotas)


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0004_plan_quotas"), ("organizations", "0006_quota_walls")]

    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunSQL(PAID_FOR, migrations.RunSQL.noop),
    ]
