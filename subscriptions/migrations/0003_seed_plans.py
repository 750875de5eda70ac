"""The price list: the same in every deployment."""

from django.db import migrations

from config.kernel.ids import new_id

PLANS = [
    ("starter", "Starter", 2900, 3, {"memory_context": True, "priority_support": False, "sso": False}),
    ("pro", "Pro", 9900, 10, {"memory_context": True, "priority_support": True, "sso": False}),
    ("enterprise", "Enterprise", 29900, 50, {"memory_context": True, "priority_support": True, "sso": True}),
]


def seed(apps, schema_editor):
    Plan = apps.get_model("subscriptions", "Plan")
    for slug, name, price_cents, max_seats, features in PLANS:
        Plan.objects.get_or_create(
            slug=slug,
            defaults={
                "id": new_id(), "name": name, "price_cents": price_cents, "currency": "usd", "interval": "month",
                "max_seats": max_seats, "trial_days": 14, "features": features, "is_public": True,
            },
        )


def unseed(apps, schema_editor):
    apps.get_model("subscriptions", "Plan").objects.filter(slug__in=[plan[0] for plan in PLANS]).delete()


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0002_walls")]

    operations = [migrations.RunPython(seed, unseed)]
