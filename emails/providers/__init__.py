"""Who carries the mail: chosen by EMAIL_PROVIDER."""

from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from emails.providers.base import Provider
from emails.providers.mailbox import Mailbox
from emails.providers.smtp import Smtp

PROVIDERS: dict[str, type[Provider]] = {"mailbox": Mailbox, "smtp": Smtp}


@lru_cache(maxsize=1)
def current() -> Provider:
    """Return the configured provider; raises ImproperlyConfigured for an unknown name."""
    try:
        return PROVIDERS[settings.EMAIL_PROVIDER]()
    except KeyError:
        raise ImproperlyConfigured(f"EMAIL_PROVIDER must be one of {', '.join(PROVIDERS)}") from None
