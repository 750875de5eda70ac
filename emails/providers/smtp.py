"""Sends mails over SMTP, as configured by SMTP_URL."""

import smtplib
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from emails.errors import MailRefused, ProviderSilent, ProviderUnavailable
from emails.messages import Message

TIMEOUT_SECONDS = 10
TOO_BIG = 552
DEFAULT_PORTS = {"smtp": 587, "smtps": 465}


class Smtp:
    """The provider for any mail server; a connection a mail, which is enough for what one worker sends."""

    def __init__(self) -> None:
        self._url = urlsplit(settings.SMTP_URL)
        if self._url.scheme not in DEFAULT_PORTS or not self._url.hostname:
            raise ImproperlyConfigured("SMTP_URL must be smtp://user:password@host:port or smtps://…")

    def send(self, message: Message) -> str:
        """Send the mail and return its Message-ID; raises MailRefused, ProviderUnavailable, ProviderSilent."""
        # The same for each attempt: what was sent twice is shown once by mail programs that look at it.
        message_id = f"<{message.id}@{settings.EMAIL_FROM.rpartition('@')[2].rstrip('>')}>"
        connection = self._connection()
        mail = EmailMultiAlternatives(
            message.subject,
            message.text,
            settings.EMAIL_FROM,
            [message.recipient],
            headers={"Message-ID": message_id},
            connection=connection,
        )
        mail.attach_alternative(message.html, "text/html")
        for attachment in message.attachments:
            mail.attach(attachment.filename, attachment.content, attachment.content_type)
        try:
            connection.open()
        except (smtplib.SMTPException, OSError) as error:
            raise ProviderUnavailable(f"{type(error).__name__}: {error}") from error
        try:
            mail.send()
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
            if _is_final(error):
                raise MailRefused(str(error)) from error
            raise ProviderUnavailable(f"{type(error).__name__}: {error}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise ProviderSilent(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()
        return message_id

    def release(self, address: str) -> None:
        """Do nothing: a mail server's list, if it has one, is no matter of SMTP."""

    def _connection(self) -> EmailBackend:
        return EmailBackend(
            host=self._url.hostname,
            port=self._url.port or DEFAULT_PORTS[self._url.scheme],
            username=unquote(self._url.username or ""),
            password=unquote(self._url.password or ""),
            use_tls=self._url.scheme == "smtp" and bool(self._url.username),
            use_ssl=self._url.scheme == "smtps",
            timeout=TIMEOUT_SECONDS,
        )


def _is_final(error: Exception) -> bool:
    """Return whether the server said no for good: a 5xx reply (RFC 5321 §4.2.1) about this mail."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return False  # our configuration is wrong, not the mail
    if isinstance(error, smtplib.SMTPSenderRefused):
        return error.smtp_code == TOO_BIG  # anything else is about who sends, which people put right
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
