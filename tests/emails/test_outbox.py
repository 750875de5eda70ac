"""The outbox: a mail is queued with what causes it, sent once, tried again, and never lost or left lying about."""

import contextlib
import email
import email.policy
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from config.kernel.tenancy import NoOrganizationContext, organization_context
from emails import providers
from emails.catalogue import EmailKind
from emails.messages import Attachment
from emails.providers.smtp import Smtp
from emails.services import outbox
from tests import journey
from tests.api.beneath import as_owner, at_once
from tests.emails.mail_server import mail_server
from tests.emails.queued import row, states, sweep_up
from tests.jobs import as_role, run_jobs

pytestmark = pytest.mark.usefixtures("db")

Use = Callable[[str], None]
DATA = {"full_name": "Ada O'Neil <b>", "organization_name": "Works & Söhne", "link": "https://example.com/?a=1&b=2"}


@pytest.fixture
def smtp(settings: Any) -> Any:
    """Return what makes the process send over a given server."""

    def use(url: str) -> None:
        settings.EMAIL_PROVIDER, settings.SMTP_URL = "smtp", url
        providers.current.cache_clear()

    yield use
    providers.current.cache_clear()


def queue(organization: UUID, *, key: str = "welcome:1", attachments: tuple[Attachment, ...] = ()) -> None:
    """Queue a welcome."""
    with organization_context(organization):
        outbox.queue(organization_id=organization, kind=EmailKind.WELCOME, recipient="ada@example.com", dedup_key=key,
                     data=DATA, attachments=attachments)  # fmt: skip


class TestQueue:
    def test_goes_with_what_caused_it_or_not_at_all(self, organization: UUID) -> None:
        with contextlib.suppress(ValueError), transaction.atomic():
            queue(organization)
            raise ValueError
        run_jobs()
        assert states() == []

    def test_takes_the_same_fact_once(self, organization: UUID) -> None:
        for _ in range(3):
            queue(organization)
        at_once(4, lambda _: queue(organization))
        run_jobs()
        assert states() == [("sent", 1, False)]
        assert as_owner("select count(*) from emails_mailboxmessage where kind = 'welcome'") == [(1,)]

    def test_keeps_links_and_names_encrypted_until_sent_and_not_at_all_then(self, organization: UUID) -> None:
        queue(organization)
        ((stored,),) = as_owner("select data from emails_emaillog")
        assert b"example.com" not in bytes(stored)
        assert b"Neil" not in bytes(stored)
        assert "Neil" not in str(as_owner("select args from procrastinate_jobs"))
        run_jobs()
        assert as_owner("select data from emails_emaillog") == [(None,)]

    def test_needs_the_organizations_context(self, organization: UUID) -> None:
        with pytest.raises(NoOrganizationContext), transaction.atomic():
            outbox.queue(
                organization_id=organization, kind=EmailKind.WELCOME, recipient="a@b.co", dedup_key="1", data=DATA
            )


class TestSend:
    def test_by_several_workers_at_once_sends_once(self, organization: UUID) -> None:
        queue(organization)
        ((mail,),) = as_owner("select id from emails_emaillog")
        with as_role("worker"):
            at_once(6, lambda _: outbox.send(organization_id=organization, email_id=mail))
        assert as_owner("select count(*) from emails_mailboxmessage where kind = 'welcome'") == [(1,)]
        assert states() == [("sent", 1, False)]

    def test_of_another_organizations_mail_does_nothing(self, organization: UUID) -> None:
        queue(organization)
        ((mail,),) = as_owner("select id from emails_emaillog")
        other = UUID(journey.sign_up().organization_id)
        outbox.send(organization_id=other, email_id=mail)
        assert as_owner("select status from emails_emaillog where id = %s", mail) == [("queued",)]

    def test_over_smtp_hands_over_text_html_and_attachment(self, organization: UUID, smtp: Use) -> None:
        with mail_server() as server:
            smtp(server.url)
            queue(organization, attachments=(Attachment("coditect.license", "application/jose+json", '{"a": 1}'),))
            run_jobs()
        (raw,) = server.mails
        mail = email.message_from_string(raw, policy=email.policy.default)
        assert (mail["To"], mail["Subject"]) == ("ada@example.com", "Welcome to CODITECT")
        text, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert text is not None
        assert html is not None
        assert DATA["full_name"] in text.get_content()
        assert DATA["link"] in text.get_content()
        assert "<b>" not in html.get_content()
        assert [part.get_filename() for part in mail.iter_attachments()] == ["coditect.license"]
        assert as_owner("select status, provider_id from emails_emaillog") == [("sent", mail["Message-ID"])]

    @pytest.mark.parametrize("answers", [{"RCPT": "550 nobody here"}, {"MAIL": "552 too big"}, {"DATA": "554 spam"}])
    def test_that_is_refused_for_good_fails_at_once_and_visibly(
        self, organization: UUID, smtp: Use, answers: dict[str, str]
    ) -> None:
        with mail_server(**answers) as server:
            smtp(server.url)
            queue(organization)
            run_jobs()
        assert states() == [("failed", 1, False)]
        assert next(iter(answers.values()))[4:] in as_owner("select error from emails_emaillog")[0][0]
        sweep_up()
        assert states() == [("failed", 1, False)]

    @pytest.mark.parametrize("answer", ["530 say who you are", "550 this sender is not verified", "553 not you"])
    def test_that_is_refused_because_of_us_waits_until_somebody_puts_that_right(
        self, organization: UUID, smtp: Use, answer: str
    ) -> None:
        with mail_server(MAIL=answer) as server:
            smtp(server.url)
            queue(organization)
            run_jobs()
            assert states() == [("queued", 1, True)]
            server.answers.clear()
            sweep_up()
        assert states() == [("sent", 2, False)]

    def test_that_is_put_off_is_tried_again_until_it_works(self, organization: UUID, smtp: Use) -> None:
        with mail_server(RCPT="451 later") as server:
            smtp(server.url)
            queue(organization)
            run_jobs()
            assert states() == [("queued", 1, True)]
            run_jobs()
            assert states() == [("queued", 1, True)], "it is not due yet"
            server.answers.clear()
            sweep_up()
        assert states() == [("sent", 2, False)]
        assert len(server.mails) == 1

    def test_that_is_put_off_waits_even_when_a_job_comes_early(self, organization: UUID, smtp: Use) -> None:
        with mail_server(RCPT="451 later") as server:
            smtp(server.url)
            queue(organization)
            run_jobs()
            server.answers.clear()
            ((mail,),) = as_owner("select id from emails_emaillog")
            with as_role("worker"):
                outbox.send(organization_id=organization, email_id=mail)
        assert (states(), server.mails) == ([("queued", 1, True)], [])

    def test_over_smtp_is_in_doubt_when_the_server_goes_away_after_it_has_the_mail(
        self, organization: UUID, smtp: Use
    ) -> None:
        with mail_server(TAKEN="") as server:
            smtp(server.url)
            queue(organization)
            run_jobs()
            assert (states(), len(server.mails)) == ([("sending", 1, True)], 1)
            server.answers.clear()
            sweep_up()
        assert (states(), row("uncertain_sends")) == ([("sent", 2, False)], (1,))
        first, second = (email.message_from_string(raw)["Message-ID"] for raw in server.mails)
        assert first == second, "so that mail programs may show it once"

    def test_is_given_up_after_the_last_attempt(self, organization: UUID, smtp: Use) -> None:
        smtp("smtp://127.0.0.1:9")
        queue(organization)
        as_owner("update emails_emaillog set attempts = 31")
        run_jobs()
        assert states() == [("failed", 32, False)]
        assert "ConnectionRefusedError" in as_owner("select error from emails_emaillog")[0][0]

    def test_that_cannot_be_made_is_set_aside_at_once_and_visibly(self, organization: UUID) -> None:
        queue(organization)
        as_owner("update emails_emaillog set data = 'not a ciphertext'")
        run_jobs()
        ((status, attempts, error),) = as_owner("select status, attempts, error from emails_emaillog")
        assert (status, attempts) == ("failed", 1)
        assert "CannotDecrypt" in error

    def test_that_a_dying_worker_left_half_done_is_found_and_sent_again(self, organization: UUID) -> None:
        queue(organization)
        as_owner("update emails_emaillog set status = 'sending', attempts = 1, next_attempt_at = now() + '1 minute'")
        run_jobs()
        assert states() == [("sending", 1, True)]
        sweep_up()
        assert states() == [("sent", 2, False)]


class TestSmtp:
    @pytest.mark.parametrize("url", ["", "http://mail.example", "smtp://", "mail.example:25", "smtp:mail.example"])
    def test_refuses_an_address_that_is_none(self, settings: Any, url: str) -> None:
        settings.SMTP_URL = url
        with pytest.raises(ImproperlyConfigured):
            Smtp()


class TestSweep:
    def test_adds_no_second_job_for_what_has_one_that_waits(self, organization: UUID) -> None:
        for number in range(5):
            queue(organization, key=f"welcome:{number}")
        with as_role("worker"):
            for _ in range(3):
                outbox.sweep()
        jobs = as_owner("select args ->> 'email_id' from procrastinate_jobs where task_name = 'emails.send'")
        assert len(jobs) == len(set(jobs))
