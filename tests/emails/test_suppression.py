"""Addresses that bounced or complained: they get security mails only, until somebody lifts it."""

from uuid import UUID

import pytest

from config.kernel.tenancy import organization_context
from deploy.local.sendgrid.events import event
from deploy.local.sendgrid.server import Failure, Sink
from emails.catalogue import KINDS, EmailKind
from emails.selectors import list_suppressed
from emails.services import suppression
from tests import journey
from tests.api.beneath import as_owner, count
from tests.emails.queued import send, sweep_up
from tests.emails.sendgrid import deliver
from tests.jobs import run_jobs

pytestmark = pytest.mark.usefixtures("db")

ADA = "ada@example.com"


@pytest.fixture
def bounced(organization: UUID, sink: Sink) -> UUID:
    """Return an organization from whose mail to Ada a hard bounce came back."""
    send(organization)
    tell_last(sink, "bounce", type="bounce", reason="550 nobody")
    return organization


def tell_last(sink: Sink, name: str, **facts: str) -> None:
    """Tell what became of the last mail, and have it applied."""
    assert deliver(event(sink.mails[-1], name, **facts)).status_code == 200
    run_jobs()


def statuses() -> list[str]:
    """Return the status of each mail, oldest first."""
    return [status for (status,) in as_owner("select status from emails_emaillog order by id")]


class TestSuppressed:
    @pytest.mark.parametrize("recipient", [ADA, "Ada@Example.COM"])
    def test_gets_no_later_mail(self, bounced: UUID, sink: Sink, recipient: str) -> None:
        send(bounced, key="second", recipient=recipient)
        assert (statuses(), len(sink.mails)) == (["bounced", "suppressed"], 1)
        assert as_owner("select data from emails_emaillog order by id desc limit 1") == [(None,)]
        sweep_up()
        assert len(sink.mails) == 1

    def test_gets_security_mails_all_the_same(self, bounced: UUID, sink: Sink) -> None:
        for kind in EmailKind:
            send(bounced, kind=kind, key=f"again:{kind}")
        got = {mail["body"]["custom_args"]["kind"] for mail in sink.mails[1:]}
        assert got == {kind for kind in EmailKind if KINDS[kind].security}
        assert {"verify_email", "password_reset", "email_change", "mfa_disabled"} <= got

    def test_is_one_address_of_one_organization(self, bounced: UUID, sink: Sink) -> None:
        other = UUID(journey.sign_up().organization_id)
        send(bounced, key="second", recipient="grace@example.com")
        send(other, key="third", recipient=ADA)
        assert as_owner("select status from emails_emaillog where dedup_key in ('second', 'third')") == [("sent",)] * 2

    @pytest.mark.parametrize(
        ("name", "facts", "held_back"),
        [
            ("bounce", {"type": "bounce"}, ["bounced"]),
            ("bounce", {"type": "blocked"}, []),
            ("dropped", {"reason": "Bounced Address"}, ["bounced"]),
            ("dropped", {"reason": "Spam Reporting Address"}, ["complained"]),
            ("dropped", {"reason": "Invalid SMTPAPI header"}, []),
            ("spamreport", {}, ["complained"]),
            ("deferred", {}, []),
        ],
    )
    def test_follows_from_what_is_about_the_address(
        self, organization: UUID, sink: Sink, name: str, facts: dict[str, str], held_back: list[str]
    ) -> None:
        send(organization)
        tell_last(sink, name, **facts)
        assert [reason for (reason,) in as_owner("select reason from emails_suppressedaddress")] == held_back

    def test_is_kept_once_and_without_the_address(self, bounced: UUID, sink: Sink) -> None:
        tell_last(sink, "spamreport")
        assert count("emails_suppressedaddress") == 1
        assert b"ada" not in bytes(as_owner("select address_hash from emails_suppressedaddress")[0][0])

    def test_is_listed_for_its_organization_alone(self, bounced: UUID) -> None:
        with organization_context(bounced):
            (held,) = list_suppressed()
        assert (held.address, held.reason) == (ADA, "bounced")
        with organization_context(UUID(journey.sign_up().organization_id)):
            assert list_suppressed() == []


class TestLift:
    def test_lets_mail_pass_again_here_and_at_the_provider(self, bounced: UUID, sink: Sink) -> None:
        sink.suppressed = {"bounces": {ADA}, "spam_reports": {ADA, "grace@example.com"}}
        assert suppression.lift(organization_id=bounced, address=ADA.upper())
        run_jobs()
        assert sink.suppressed == {"bounces": set(), "spam_reports": {"grace@example.com"}}
        send(bounced, key="second")
        assert statuses() == ["bounced", "sent"]

    def test_is_not_undone_by_the_same_news_again(self, organization: UUID, sink: Sink) -> None:
        send(organization)
        told = event(sink.mails[0], "bounce", type="bounce")
        deliver(told)
        run_jobs()
        suppression.lift(organization_id=organization, address=ADA)
        deliver(told)
        run_jobs()
        assert count("emails_suppressedaddress") == 0

    def test_of_an_address_that_is_not_held_back_says_so(self, bounced: UUID) -> None:
        assert not suppression.lift(organization_id=bounced, address="grace@example.com")
        assert not suppression.lift(organization_id=UUID(journey.sign_up().organization_id), address=ADA)
        assert count("emails_suppressedaddress") == 1

    def test_is_tried_again_while_the_provider_is_away(self, bounced: UUID, sink: Sink) -> None:
        sink.suppressed = {"bounces": {ADA}, "spam_reports": set()}
        sink.failures.append(Failure(503))
        suppression.lift(organization_id=bounced, address=ADA)
        run_jobs()
        assert sink.suppressed["bounces"] == {ADA}
        as_owner("update procrastinate_jobs set scheduled_at = now() where status = 'todo'")
        run_jobs()
        assert sink.suppressed["bounces"] == set()
