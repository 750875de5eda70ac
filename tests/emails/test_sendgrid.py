"""Sending through SendGrid: what is sent, and what is made of each of its answers."""

import base64
import logging
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from deploy.local.sendgrid.server import Failure, Sink
from emails import providers
from emails.catalogue import KINDS, EmailKind
from emails.messages import Attachment
from emails.providers.sendgrid import SendGrid
from tests.api.beneath import as_owner
from tests.emails.queued import row, send, states, sweep_up
from tests.emails.test_catalogue import every_kind, rendered

pytestmark = pytest.mark.usefixtures("db")

FILE = Attachment("coditect.license", "application/jose+json", '{"payload": "ä"}')


class TestSend:
    @every_kind
    def test_is_taken_for_every_kind(self, sink: Sink, kind: EmailKind) -> None:
        mail = rendered(kind)
        provider_id = providers.hand_over(mail)
        (taken,) = sink.mails
        assert provider_id == taken["id"]
        assert (taken["subject"], taken["text"], taken["html"]) == (mail.subject, mail.text, mail.html)

    def test_carries_ids_and_no_link_that_is_rewritten(self, organization: UUID, sink: Sink) -> None:
        send(organization, attachments=(FILE,))
        ((outbox_id,),) = as_owner("select id from emails_emaillog")
        body = sink.mails[0]["body"]
        assert body["custom_args"] == {
            "outbox_id": str(outbox_id),
            "organization_id": str(organization),
            "kind": "welcome",
        }
        assert body["tracking_settings"]["click_tracking"] == {"enable": False, "enable_text": False}
        assert body["tracking_settings"]["open_tracking"] == {"enable": False}
        assert body["from"] == {"email": "no-reply@coditect.example", "name": "CODITECT"}
        assert body["personalizations"] == [{"to": [{"email": "ada@example.com"}]}]
        (attached,) = body["attachments"]
        assert base64.b64decode(attached["content"]).decode() == FILE.content
        assert row("status", "provider_id", "data") == ("sent", sink.mails[0]["id"], None)

    def test_gets_security_mails_past_the_providers_own_lists_and_no_others(self, sink: Sink) -> None:
        for kind in EmailKind:
            providers.hand_over(rendered(kind))
        past = {mail["body"]["custom_args"]["kind"] for mail in sink.mails if "mail_settings" in mail["body"]}
        assert past == {kind for kind in EmailKind if KINDS[kind].security}

    def test_never_logs_the_key_or_the_mail(self, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        providers.hand_over(rendered(EmailKind.PASSWORD_RESET))
        assert sink.mails
        assert "SG." not in caplog.text
        assert "Lovelace" not in caplog.text


class TestAnswer:
    @pytest.mark.parametrize("failure", [Failure(429), Failure(500), Failure(502), Failure(503), Failure(504)])
    def test_that_it_is_busy_is_followed_by_another_try_at_once(
        self, organization: UUID, sink: Sink, failure: Failure
    ) -> None:
        sink.failures.append(failure)
        send(organization)
        assert (states(), len(sink.mails), sink.requests) == ([("sent", 1, False)], 1, 2)

    def test_that_stays_the_same_is_tried_three_times_and_later_again(self, organization: UUID, sink: Sink) -> None:
        sink.failures.extend([Failure(503)] * 3)
        send(organization)
        assert (states(), sink.requests) == ([("queued", 1, True)], 3)
        assert row("error") == ("SendGrid answered 503: as it was told to",)
        sweep_up()
        assert (states(), len(sink.mails)) == ([("sent", 2, False)], 1)
        assert row("error", "uncertain_sends") == ("", 0)

    @pytest.mark.parametrize("status", [400, 413])
    def test_about_the_mail_is_final(self, organization: UUID, sink: Sink, status: int) -> None:
        sink.failures.append(Failure(status))
        send(organization)
        assert (states(), sink.requests) == ([("failed", 1, False)], 1)
        assert str(status) in row("error")[0]

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_about_us_is_asked_once_and_waits_for_people(self, organization: UUID, sink: Sink, status: int) -> None:
        sink.failures.append(Failure(status))
        send(organization)
        assert (states(), sink.requests) == ([("queued", 1, True)], 1)

    def test_with_a_wrong_key_loses_nothing(self, organization: UUID, sink: Sink, settings: Any) -> None:
        settings.SENDGRID_API_KEY = "SG.revoked"
        providers.current.cache_clear()
        send(organization)
        assert (states(), sink.mails) == ([("queued", 1, True)], [])
        assert "grant is invalid" in row("error")[0]

    def test_that_asks_for_a_second_of_patience_gets_it(self, organization: UUID, sink: Sink) -> None:
        sink.failures.append(Failure(429, retry_after="1"))
        send(organization)
        assert (states(), sink.requests) == ([("sent", 1, False)], 2)
        first, second = sink.arrivals
        assert second - first >= 1

    def test_that_asks_for_much_patience_gets_it_from_the_outbox(self, organization: UUID, sink: Sink) -> None:
        sink.failures.append(Failure(429, retry_after="900"))
        send(organization)
        assert (states(), sink.requests) == ([("queued", 1, True)], 1)
        assert row("next_attempt_at > now() + '14 minutes'", "next_attempt_at < now() + '16 minutes'") == (True, True)

    @pytest.mark.parametrize(
        ("asked", "at_least"),
        [("soon", 0), ("-5", 0), ("", 0), ("9" * 30, 0), ("99999999", 3000), ("later", 1700)],
    )
    def test_with_any_retry_after_is_understood_or_ignored(
        self, organization: UUID, sink: Sink, asked: str, at_least: int
    ) -> None:
        if asked == "later":
            asked = format_datetime(timezone.now() + timedelta(minutes=30), usegmt=True)
        sink.failures.extend([Failure(503, retry_after=asked)] * 3)
        send(organization)
        ((status, seconds),) = as_owner(
            "select status, extract(epoch from next_attempt_at - now())::int from emails_emaillog"
        )
        assert status == "queued"
        assert at_least <= seconds <= 3600

    def test_refusing_a_connection_is_no_answer_and_no_doubt(
        self, organization: UUID, sink: Sink, settings: Any
    ) -> None:
        settings.SENDGRID_API_BASE = "http://127.0.0.1:9"
        providers.current.cache_clear()
        send(organization)
        assert states() == [("queued", 1, True)]
        assert sink.mails == []


class TestSilence:
    @pytest.mark.parametrize(
        ("failure", "told"),
        [(Failure(taken=True), "RemoteDisconnected"), (Failure(hang=True, taken=True), "TimeoutError")],
    )
    def test_is_followed_by_no_second_mail_while_there_may_be_news(
        self, organization: UUID, sink: Sink, failure: Failure, told: str
    ) -> None:
        sink.failures.append(failure)
        send(organization)
        assert (states(), len(sink.mails), sink.requests) == ([("sending", 1, True)], 1, 1)
        assert row("error") == (f"SendGrid did not answer: {told}",), "ours is the patience that ends"
        assert row("next_attempt_at > now() + '4 minutes'") == (True,)

    def test_without_news_is_followed_by_a_second_mail_that_is_known_to_be_one(
        self, organization: UUID, sink: Sink
    ) -> None:
        sink.failures.append(Failure(taken=True))
        send(organization)
        sweep_up()
        assert (states(), len(sink.mails)) == ([("sent", 2, False)], 2)
        assert row("uncertain_sends") == (1,)

    def test_that_goes_on_is_given_up_some_day(self, organization: UUID, sink: Sink) -> None:
        send_silently = [Failure()] * 9
        sink.failures.extend(send_silently)
        send(organization)
        for _ in send_silently:
            sweep_up()
        assert states() == [("failed", 9, False)]
        assert row("uncertain_sends") == (8,)


class TestSettings:
    def test_without_a_key_nothing_is_sent(self, settings: Any) -> None:
        settings.SENDGRID_API_KEY = ""
        with pytest.raises(ImproperlyConfigured):
            SendGrid()

    def test_naming_templates_of_no_kind_are_refused(self, settings: Any) -> None:
        settings.SENDGRID_API_KEY, settings.SENDGRID_TEMPLATES = "SG.x", {"welcom": "d-1"}
        with pytest.raises(ImproperlyConfigured, match="welcom"):
            SendGrid()

    def test_naming_an_unknown_provider_are_refused(self, settings: Any) -> None:
        settings.EMAIL_PROVIDER = "pigeon"
        providers.current.cache_clear()
        with pytest.raises(ImproperlyConfigured, match="sendgrid"):
            providers.current()
        providers.current.cache_clear()
