"""Who carries the mail: chosen by EMAIL_PROVIDER."""

from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from tenacity import RetryCallState, retry, retry_if_exception, stop_after_attempt, wait_exponential

from emails.errors import ProviderUnavailable
from emails.messages import Message
from emails.providers.base import Provider

# By path: the web never sends, and need not load what sends.
PROVIDERS = {
    "mailbox": "emails.providers.mailbox.Mailbox",
    "smtp": "emails.providers.smtp.Smtp",
    "sendgrid": "emails.providers.sendgrid.SendGrid",
}
TRIES = 3
LONGEST_WAIT_SECONDS = 5.0
"""Between the tries of one attempt; a provider that asks for more gets it from the outbox, and the worker is free."""


@lru_cache(maxsize=1)
def current() -> Provider:
    """Return the configured provider; raises ImproperlyConfigured for an unknown name."""
    try:
        provider: Provider = import_string(PROVIDERS[settings.EMAIL_PROVIDER])()
    except KeyError:
        raise ImproperlyConfigured(f"EMAIL_PROVIDER must be one of {', '.join(PROVIDERS)}") from None
    return provider


def hand_over(message: Message) -> str:
    """Give a mail to the provider, trying up to three times; return the provider's id for it.

    Raises ProviderUnavailable, ProviderSilent, MailRefused. Only a provider that says it did not take the mail is
    asked again here: silence is followed by no second mail within seconds.
    """
    attempt = retry(
        retry=retry_if_exception(_is_worth_a_try), stop=stop_after_attempt(TRIES), wait=_pause, reraise=True
    )
    return attempt(current().send)(message)


def _is_worth_a_try(error: BaseException) -> bool:
    return isinstance(error, ProviderUnavailable) and error.at_once and error.retry_after <= LONGEST_WAIT_SECONDS


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ProviderUnavailable) else 0
    return max(asked, wait_exponential(multiplier=0.5, max=4)(state))
