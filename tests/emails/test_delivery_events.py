"""What SendGrid tells about mails: believed when signed and fresh, stored once, and never takes a mail back."""

import base64
import itertools
import json
from typing import Any
from uuid import UUID

import pytest

from config.kernel.ids import new_id
from deploy.local.sendgrid.events import SIGNATURE, TIMESTAMP, Signer, batch, event
from deploy.local.sendgrid.server import Failure, Sink
from emails.tasks import forget_old_events
from tests import journey
from tests.api.beneath import as_owner, count
from tests.api.refusals import refused
from tests.emails.queued import row, send, states, sweep_up
from tests.emails.sendgrid import SIGNER, deliver, post
from tests.jobs import as_role, run_jobs
from tests.query_counts import statements

pytestmark = pytest.mark.usefixtures("db")

HARD = {"type": "bounce", "reason": "550 5.1.1 <ada@example.com> nobody here", "status": "5.1.1"}


@pytest.fixture
def mail(organization: UUID, sink: Sink) -> dict[str, Any]:
    """Return a mail that SendGrid has taken."""
    send(organization)
    return sink.mails[0]


def tell(*told: dict[str, Any]) -> None:
    """Deliver events and have them applied."""
    assert deliver(*told).status_code == 200
    run_jobs()


class TestReceive:
    def test_stores_each_event_once_and_answers_200_either_way(self, mail: dict[str, Any]) -> None:
        told = event(mail, "delivered")
        for _ in range(3):
            answer = deliver(told, told)
            assert (answer.status_code, json.loads(answer.content)) == (200, {"status": "received"})
        assert count("emails_providerevent") == 1

    def test_keeps_nobodys_address(self, mail: dict[str, Any]) -> None:
        tell(event(mail, "bounce", **HARD))
        ((stored,),) = as_owner("select payload::text from emails_providerevent")
        assert "550 5.1.1" in stored
        assert "ada@" not in stored
        assert "ada@" not in row("error")[0]

    @pytest.mark.parametrize("age", [-590, 0, 590])
    def test_takes_what_was_signed_within_ten_minutes(self, mail: dict[str, Any], age: int) -> None:
        assert deliver(event(mail, "delivered"), age_seconds=age).status_code == 200

    @pytest.mark.parametrize("age", [-86_400, -660, 660, 86_400])
    def test_refuses_what_is_older_or_from_the_future(self, mail: dict[str, Any], age: int) -> None:
        refused(deliver(event(mail, "delivered"), age_seconds=age), 400, "webhook_signature_invalid")
        assert count("emails_providerevent") == 0

    def test_takes_every_key_that_is_configured_and_no_other(self, mail: dict[str, Any], settings: Any) -> None:
        older, newer = Signer(), Signer()
        settings.SENDGRID_WEBHOOK_PUBLIC_KEYS = [older.public_key, newer.public_key]
        assert deliver(event(mail, "processed"), signer=older).status_code == 200
        assert deliver(event(mail, "delivered"), signer=newer).status_code == 200
        refused(deliver(event(mail, "bounce"), signer=SIGNER), 400, "webhook_signature_invalid")
        settings.SENDGRID_WEBHOOK_PUBLIC_KEYS = []
        refused(deliver(event(mail, "bounce"), signer=newer), 400, "webhook_signature_invalid")

    def test_refuses_every_malformed_delivery_and_stores_nothing(self, mail: dict[str, Any]) -> None:
        body = batch(event(mail, "delivered"))
        good = SIGNER.headers(body)
        wrong = [
            {},
            {SIGNATURE: good[SIGNATURE]},
            {TIMESTAMP: good[TIMESTAMP]},
            *({**good, SIGNATURE: each} for each in ("", "@@@", "YQ==", "ä", good[SIGNATURE][:-4], "A" * 10_000)),
            {**good, SIGNATURE: base64.b64encode(b"0\x06\x02\x01\x00\x02\x01\x00").decode()},
            *(
                {**good, TIMESTAMP: each}
                for each in ("", "now", "1e9", "-1", "9" * 400, "17000000001", "１７００００００００")
            ),
        ]
        for headers in wrong:
            refused(post(body, headers), 400, "webhook_signature_invalid")
        for other in (body + b" ", body[:-1], body.replace(b"delivered", b"processed"), b"", b"[]"):
            refused(post(other, good), 400, "webhook_signature_invalid")
        assert count("emails_providerevent") == 0

    @pytest.mark.parametrize("body", [b"", b"{}", b"null", b"1", b"\xff\xfe", b"[" * 100_000, b"[{]", b'"[]"'])
    def test_refuses_what_is_signed_and_no_list_of_events(self, sink: Sink, body: bytes) -> None:
        refused(post(body, SIGNER.headers(body)), 400, "webhook_signature_invalid")

    @pytest.mark.parametrize(
        "change",
        [
            {"sg_event_id": None}, {"sg_event_id": 7}, {"sg_event_id": ""}, {"sg_event_id": "x" * 129},
            {"sg_event_id": "a\x00"}, {"outbox_id": None}, {"outbox_id": "7"}, {"outbox_id": ["x"]},
            {"organization_id": 7}, {"organization_id": ""}, {"event": None}, {"event": ["bounce"]}, {"event": "open"},
        ],
    )  # fmt: skip
    def test_ignores_what_is_signed_and_about_no_mail_of_ours(self, mail: dict[str, Any], change: Any) -> None:
        assert deliver(event(mail, "bounce") | change).status_code == 200
        body = json.dumps([[], 1, None, "x", {}]).encode()
        assert post(body, SIGNER.headers(body)).status_code == 200
        run_jobs()
        assert count("emails_providerevent") == 0
        assert states() == [("sent", 1, False)]

    def test_takes_facts_that_no_column_holds(self, mail: dict[str, Any]) -> None:
        tell(event(mail, "bounce", type=["x"], reason="a\x00b" * 5_000, sg_message_id={"a": 1}))
        assert states() == [("bounced", 1, False)]

    @pytest.mark.parametrize("half", ["\ud800", "x\ud83d"])
    def test_is_not_lost_because_of_half_a_character_in_another_event_of_it(
        self, mail: dict[str, Any], half: str
    ) -> None:
        tell(event(mail, "deferred", reason=f"450 {half} later", sg_message_id=half), event(mail, "delivered"))
        assert states() == [("delivered", 1, False)]

    def test_answers_503_when_it_cannot_store_so_that_it_is_told_again(self, mail: dict[str, Any]) -> None:
        as_owner("alter table emails_providerevent alter provider_event_id type varchar(3)")
        try:
            refused(deliver(event(mail, "delivered")), 503, "service_unavailable")
        finally:
            as_owner("alter table emails_providerevent alter provider_event_id type varchar(128)")
        assert deliver(event(mail, "delivered")).status_code == 200

    def test_refuses_a_body_over_256_kib(self, sink: Sink) -> None:
        body = b" " * (256 * 1024 + 1)
        refused(post(body, SIGNER.headers(body)), 413, "payload_too_large")

    def test_of_many_events_is_three_statements(self, mail: dict[str, Any]) -> None:
        told = [event(mail, "delivered") for _ in range(200)]
        with statements(3):
            assert deliver(*told).status_code == 200
        assert count("emails_providerevent") == 200


class TestApply:
    @pytest.mark.parametrize(
        ("name", "facts", "status"),
        [
            ("processed", {}, "sent"),
            ("deferred", {}, "sent"),
            ("delivered", {}, "delivered"),
            ("bounce", HARD, "bounced"),
            ("bounce", {"type": "blocked"}, "bounced"),
            ("dropped", {"reason": "Bounced Address"}, "suppressed"),
            ("spamreport", {}, "delivered"),
        ],
    )
    def test_marks_the_mail(self, mail: dict[str, Any], name: str, facts: Any, status: str) -> None:
        tell(event(mail, name, **facts))
        assert states() == [(status, 1, False)]

    def test_ends_the_same_in_whatever_order_and_however_often_it_is_told(self, organization: UUID, sink: Sink) -> None:
        names = ["processed", "deferred", "delivered", "bounce"]
        orders = list(itertools.permutations(names))
        for number in range(len(orders)):
            send(organization, key=f"welcome:{number}", recipient=f"ada{number}@example.com")
        for order, mail in zip(orders, sink.mails, strict=True):
            told = [event(mail, name, **(HARD if name == "bounce" else {})) for name in order]
            for each in told:
                assert deliver(each, told[0]).status_code == 200
                with as_role("worker"):
                    run_jobs()
        assert {status for status, _, _ in states()} == {"bounced"}
        assert count("emails_suppressedaddress") == len(orders)

    def test_never_touches_another_organizations_mail(self, mail: dict[str, Any]) -> None:
        stranger = journey.sign_up().organization_id
        tell(event(mail, "bounce", organization_id=stranger, **HARD), event(mail, "bounce", outbox_id=str(new_id())))
        tell(event(mail, "bounce", organization_id=str(new_id())))
        assert as_owner("select status from emails_emaillog where dedup_key = 'welcome:1'") == [("sent",)]
        assert count("emails_suppressedaddress") == 0
        assert as_owner("select count(*) from emails_providerevent where applied_at is null") == [(0,)]

    def test_happens_without_its_job_at_the_next_sweep(self, mail: dict[str, Any]) -> None:
        assert deliver(event(mail, "delivered")).status_code == 200
        as_owner("delete from procrastinate_jobs")
        sweep_up()
        assert states() == [("delivered", 1, False)]

    def test_ends_the_doubt_about_a_mail_that_got_no_answer(self, organization: UUID, sink: Sink) -> None:
        sink.failures.append(Failure(taken=True))
        send(organization)
        assert states() == [("sending", 1, True)]
        assert deliver(event(sink.mails[0], "processed")).status_code == 200
        sweep_up()
        assert (states(), len(sink.mails)) == ([("sent", 1, False)], 1)
        assert row("provider_id", "uncertain_sends") == (sink.mails[0]["id"], 0)

    def test_says_so_when_a_mail_was_sent_twice(
        self, organization: UUID, sink: Sink, caplog: pytest.LogCaptureFixture
    ) -> None:
        sink.failures.append(Failure(taken=True))
        send(organization)
        sweep_up()
        tell(*(event(mail, "delivered") for mail in sink.mails))
        assert "sent twice" in caplog.text
        assert states() == [("delivered", 2, False)]

    def test_lets_a_mail_be_sent_that_was_given_up(self, organization: UUID, sink: Sink) -> None:
        sink.failures.extend([Failure(taken=True), Failure(400)])
        send(organization)
        sweep_up()
        assert states() == [("failed", 2, False)]
        tell(event(sink.mails[0], "delivered"))
        assert states() == [("delivered", 2, False)]


class TestForget:
    def test_deletes_events_a_month_after_they_were_applied(self, mail: dict[str, Any]) -> None:
        tell(event(mail, "processed"), event(mail, "delivered"))
        as_owner(
            "update emails_providerevent set applied_at = now() - interval '31 days' where payload->>'event' = %s",
            "processed",
        )
        with as_role("worker"):
            forget_old_events()
        assert as_owner("select payload->>'event' from emails_providerevent") == [("delivered",)]
