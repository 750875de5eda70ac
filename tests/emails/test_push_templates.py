"""Our templates at SendGrid: pushed once, changed when ours change, and drawn there as we would draw them."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from deploy.local.sendgrid.server import Failure, Sink
from emails import providers
from emails.catalogue import EmailKind
from emails.messages import Attachment
from emails.providers import sendgrid_templates
from tests.emails.test_catalogue import every_kind, example, rendered


def push() -> tuple[dict[str, str], list[str]]:
    """Run the command; return the setting that it prints and what it tells."""
    out, err = io.StringIO(), io.StringIO()
    call_command("push_mail_templates", stdout=out, stderr=err)
    name, _, value = out.getvalue().partition("=")
    assert name == "SENDGRID_TEMPLATES"
    return json.loads(value), err.getvalue().splitlines()


class TestPush:
    def test_creates_a_template_for_every_kind_and_then_leaves_them_alone(self, sink: Sink) -> None:
        ids, told = push()
        assert set(ids) == {str(kind) for kind in EmailKind}
        assert told == [f"{kind}: created" for kind in EmailKind]
        writes = sink.templates.writes
        assert push() == (ids, [f"{kind}: unchanged" for kind in EmailKind])
        assert sink.templates.writes == writes

    def test_puts_right_what_differs_and_nothing_else(self, sink: Sink) -> None:
        ids, _ = push()
        version = sink.templates.active(ids["welcome"])
        assert version is not None
        version["subject"] = "Changed by hand"
        again, told = push()
        assert again == ids
        assert [line for line in told if "unchanged" not in line] == ["welcome: updated"]
        assert version["subject"] == "Welcome to CODITECT"

    def test_finds_its_own_among_many_on_several_pages(self, sink: Sink) -> None:
        for number in range(250):
            sink.templates.answer("POST", [], {}, {"name": f"other {number}", "generation": "dynamic"})
        ids, _ = push()
        assert push()[0] == ids
        assert len(sink.templates.by_id) == 250 + len(EmailKind)

    def test_goes_on_where_it_was_interrupted(self, sink: Sink) -> None:
        def stop(line: str) -> None:
            sink.failures.append(Failure(503))

        with pytest.raises(Exception, match="503"):
            sendgrid_templates.push(tell=stop)
        ids, told = push()
        assert told.count("verify_email: unchanged") == 1
        assert len(sink.templates.by_id) == len(ids)

    @pytest.mark.parametrize("failure", [Failure(401), Failure(500), Failure()])
    def test_says_what_went_wrong_and_no_key(self, sink: Sink, failure: Failure) -> None:
        sink.failures.append(failure)
        with pytest.raises(CommandError, match="SendGrid") as told:
            push()
        assert "SG." not in str(told.value)


class TestPushed:
    @every_kind
    def test_is_drawn_as_ours(self, sink: Sink, settings: Any, kind: EmailKind) -> None:
        settings.SENDGRID_TEMPLATES, _ = push()
        for data in (
            example(kind),
            {name: f"<{name}> & 'Söhne'" for name in example(kind)},
            dict.fromkeys(example(kind), ""),
        ):
            mail = rendered(kind, data)
            providers.hand_over(mail)
            drawn = sink.mails.pop()
            assert drawn["body"]["template_id"] == settings.SENDGRID_TEMPLATES[kind]
            assert not {"subject", "content"} & set(drawn["body"])
            assert (" ".join(drawn["subject"].split()), drawn["text"]) == (mail.subject, mail.text)
            assert drawn["html"] == mail.html

    def test_is_used_for_the_kinds_that_are_named_only_and_with_attachments(self, sink: Sink, settings: Any) -> None:
        ids, _ = push()
        settings.SENDGRID_TEMPLATES = {"license_issued": ids["license_issued"]}
        providers.hand_over(
            replace(rendered(EmailKind.LICENSE_ISSUED), attachments=(Attachment("a", "text/plain", "b"),))
        )
        providers.hand_over(rendered(EmailKind.WELCOME))
        first, second = (mail["body"] for mail in sink.mails)
        assert (first["template_id"], len(first["attachments"])) == (ids["license_issued"], 1)
        assert "template_id" not in second
