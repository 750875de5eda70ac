"""System checks: what is configured for mail can be used."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from emails.providers import sendgrid_events


@register
def check_webhook_keys(**kwargs: Any) -> list[CheckMessage]:
    """Report a verification key of the event webhook that is none."""
    try:
        sendgrid_events.public_keys()
    except ValueError as error:
        return [Error(f"SENDGRID_WEBHOOK_PUBLIC_KEYS is not usable: {error}", id="emails.E001")]
    return []
