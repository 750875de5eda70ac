"""The staff's sign-in at Django's own admin: limited like any other, and with the second factor where there is one."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.db import transaction

from api.http.rate_limits import by_ip
from config.kernel import rate_limits
from config.kernel.errors import DomainError
from config.kernel.rate_limits import Rate
from users.models import User
from users.models.user import normalize_email
from users.services import second_factor

PER_IP, PER_ACCOUNT = Rate("10/m"), Rate("5/m")


class StaffSignInForm(AdminAuthenticationForm):
    """E-mail and password, and the code of the authenticator app, or a recovery code, of whoever has one."""

    code = forms.CharField(
        label="Code",
        required=False,
        max_length=32,
        strip=True,
        help_text="From your authenticator app, or a recovery code. Empty without two-factor sign-in.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def clean(self) -> dict[str, Any]:
        """Sign in; raises ValidationError for too many tries, a wrong password and a wrong or missing code."""
        self._limit()
        cleaned: dict[str, Any] = super().clean()
        user: User | None = self.user_cache
        if user is not None and user.mfa_enabled:
            self._prove(user, cleaned.get("code") or "")
        return cleaned

    def _limit(self) -> None:
        if not settings.RATELIMIT_ENABLE or self.request is None:
            return
        account = normalize_email(str(self.cleaned_data.get("username", "")))
        for group, value, rate in (("IP", by_ip(self.request), PER_IP), ("account", account, PER_ACCOUNT)):
            wait = rate_limits.hit(
                self.request, group=f"staff-sign-in:{group}", value=value, rate=rate, guards_credentials=True
            )
            if wait is not None:
                raise ValidationError(f"Too many tries. Wait {wait} s.", code="rate_limited")

    def _prove(self, user: User, code: str) -> None:
        recovery_code = None if code.isdigit() or not code else code
        try:
            if recovery_code is None:
                with transaction.atomic(durable=True):
                    second_factor.count_attempt(user_id=user.id)
            with transaction.atomic():
                second_factor.prove(user_id=user.id, code=code, recovery_code=recovery_code)
        except DomainError as error:
            raise ValidationError("The code is missing or wrong, or was tried too often.", code=error.code) from error
