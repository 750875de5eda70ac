"""The price list in Django's own admin, to be read."""

from django.contrib import admin
from django.http import HttpRequest

from subscriptions.models import Plan


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The plans; they are changed by migrations, so that every deployment sells the same."""

    list_display = ("name", "price_cents", "interval", "max_seats", "trial_days", "is_public", "stripe_price_id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Plans come with the code."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """Plans are changed with the code."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """Plans stay: subscriptions refer to them."""
        return False
