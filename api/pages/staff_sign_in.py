"""The form that opens Django's own admin: as hard to get past as the API's sign-in, and counted with it."""

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from rest_framework.request import Request

from api.http.rate_limits import RateLimited, check, sign_in_limits
from config.kernel.errors import DomainError
from users.models import User
from users.models.user import normalize_email
from users.services import staff_sign_in
from users.totp import DIGITS

LONGEST_CODE = 32


def _account(request: Request) -> str:
    return normalize_email(request._request.POST.get("username", ""))


LIMITS = sign_in_limits(_account)


class StaffSignInForm(AdminAuthenticationForm):
    """Password, and the second factor of whoever has one."""

    code = forms.CharField(
        label="Code",
        required=False,
        max_length=LONGEST_CODE,
        help_text="From your authenticator app, or a recovery code. Empty without two-factor sign-in.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def clean(self) -> dict[str, Any]:
        """Count the attempt before the password is looked at; raises ValidationError."""
        if self.request is not None:
            try:
                check("staff", LIMITS, Request(self.request))
            except RateLimited as error:
                raise forms.ValidationError(error.message, code=error.code) from error
        cleaned: dict[str, Any] = super().clean()
        return cleaned

    def confirm_login_allowed(self, user: User) -> None:
        """Let staff in who have proven all that is asked of them; raises ValidationError."""
        super().confirm_login_allowed(user)
        text = "".join(self.cleaned_data.get("code", "").split())
        is_code = text.isdigit() and len(text) == DIGITS
        try:
            staff_sign_in.finish(
                user=user, code=text if is_code else None, recovery_code=text if text and not is_code else None
            )
        except DomainError as error:
            raise forms.ValidationError(error.message, code=error.code) from error
