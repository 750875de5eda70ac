"""Sends mails through SendGrid's v3 API, with its own SDK."""

import base64
import json
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from emails.catalogue import KINDS, EmailKind
from emails.errors import MailRefused, ProviderSilent, ProviderUnavailable
from emails.messages import Message

TIMEOUT_SECONDS = 10
"""The SDK has none by itself, and waits for ever (sendgrid-python#985)."""
LONGEST_RETRY_AFTER_SECONDS = 3_600.0
_ABOUT_THE_MAIL = {400, 413, 415}


def client() -> SendGridAPIClient:
    """Return the SDK's client as configured; raises ImproperlyConfigured without a key."""
    if not settings.SENDGRID_API_KEY:
        raise ImproperlyConfigured("SENDGRID_API_KEY is empty")
    api = SendGridAPIClient(settings.SENDGRID_API_KEY, host=settings.SENDGRID_API_BASE)
    api.client.timeout = TIMEOUT_SECONDS
    return api


def told(error: HTTPError) -> str:
    """Return status and SendGrid's own words, if it found any."""
    try:
        faults = json.loads(error.body)["errors"]
        words = "; ".join(f"{fault.get('field') or ''} {fault['message']}".strip() for fault in faults)
    except (ValueError, KeyError, TypeError, AttributeError):
        words = str(error.reason)
    return f"SendGrid answered {error.status_code}: {words}"[:1000]


class SendGrid:
    """The provider of deployments; our templates, or SendGrid's dynamic ones where SENDGRID_TEMPLATES names them."""

    def __init__(self) -> None:
        self._api = client()
        unknown = set(settings.SENDGRID_TEMPLATES) - set(EmailKind)
        if unknown:
            raise ImproperlyConfigured(f"SENDGRID_TEMPLATES names no kinds of mail: {', '.join(sorted(unknown))}")

    def send(self, message: Message) -> str:
        """Send the mail and return its X-Message-Id; raises MailRefused, ProviderUnavailable, ProviderSilent."""
        try:
            answer = self._api.send(_body(message))
        except HTTPError as error:
            raise _refusal(error) from error
        except URLError as error:
            # urllib says so only while it connects and writes: the request did not arrive whole.
            raise ProviderUnavailable(f"SendGrid was not reached: {error.reason}") from error
        except (OSError, HTTPException) as error:
            raise ProviderSilent(f"SendGrid did not answer: {type(error).__name__}") from error
        return str(answer.headers.get("X-Message-Id") or "")

    def release(self, address: str) -> None:
        """Take an address off SendGrid's lists of bounces and complaints; one that is on none is fine."""
        for name in ("bounces", "spam_reports"):
            try:
                self._api.client.suppression._(name)._(quote(address, safe="")).delete()
            except HTTPError as error:
                if error.status_code != 404:
                    raise ProviderUnavailable(told(error)) from error
            except (OSError, HTTPException) as error:
                raise ProviderUnavailable(f"SendGrid did not answer: {type(error).__name__}") from error


def _body(message: Message) -> dict[str, Any]:
    """Return the body of POST /v3/mail/send."""
    name, address = parseaddr(settings.EMAIL_FROM)
    person: dict[str, Any] = {"to": [{"email": message.recipient}]}
    body: dict[str, Any] = {
        "from": {"email": address, **({"name": name} if name else {})},
        "personalizations": [person],
        "categories": [str(message.kind)],
        # They come back with each event, and stay at SendGrid for days: ids, no personal data.
        "custom_args": {
            "outbox_id": str(message.id),
            "organization_id": str(message.organization_id),
            "kind": str(message.kind),
        },
        # A rewritten link is one more place that a token passes through.
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
        },
    }
    template_id = settings.SENDGRID_TEMPLATES.get(message.kind)
    if template_id:
        body["template_id"] = template_id
        person["dynamic_template_data"] = message.data
    else:
        body["subject"] = message.subject
        body["content"] = [
            {"type": "text/plain", "value": message.text},
            {"type": "text/html", "value": message.html},
        ]
    if KINDS[message.kind].security:
        body["mail_settings"] = {
            "bypass_bounce_management": {"enable": True},
            "bypass_spam_management": {"enable": True},
        }
    if message.attachments:
        body["attachments"] = [
            {
                "content": base64.b64encode(attachment.content.encode()).decode(),
                "type": attachment.content_type,
                "filename": attachment.filename,
                "disposition": "attachment",
            }
            for attachment in message.attachments
        ]
    return body


def _refusal(error: HTTPError) -> Exception:
    if error.status_code in _ABOUT_THE_MAIL:
        return MailRefused(told(error))
    busy = error.status_code == 429 or error.status_code >= 500
    # Anything else is about us (a key revoked, a sender not verified, a wrong address), and is put right by people.
    return ProviderUnavailable(told(error), at_once=busy, retry_after=_retry_after(error))


def _retry_after(error: HTTPError) -> float:
    """Return how many seconds SendGrid asks to be left alone: Retry-After, as a number or a date (RFC 9110)."""
    asked = str(error.headers.get("Retry-After") or "").strip()
    try:
        if asked.isascii() and asked.isdigit() and len(asked) < 9:
            seconds = float(asked)
        else:
            seconds = (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0
    return min(max(seconds, 0), LONGEST_RETRY_AFTER_SECONDS)
