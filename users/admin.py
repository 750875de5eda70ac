"""Users in Django's own admin: platform admins look accounts up and suspend them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from config.kernel.tenancy import system_context
from users.models import User
from users.services import audit, firebase_sync


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """A list of accounts; sign-up and passwords have their own flows, so nothing else is edited here."""

    list_display = ("email", "full_name", "status", "is_platform_admin", "created_at")
    list_filter = ("status", "is_platform_admin")
    search_fields = ("email", "full_name")
    fields = ("email", "full_name", "status", "email_verified_at", "is_platform_admin", "created_at")
    readonly_fields = ("email", "full_name", "email_verified_at", "is_platform_admin", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Accounts are made by signing up."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Accounts are closed, not deleted."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Write the status through the system door: the web's own role may not."""
        with system_context(reason="staff change the status of an account"):
            obj.save(update_fields=["status"])
        audit.record(
            action="USER_STATUS_CHANGED",
            organization_id=None,
            actor_id=request.user.pk,
            object_type="user",
            object_id=obj.id,
            status=obj.status,
        )
        firebase_sync.request(user_id=obj.id)
