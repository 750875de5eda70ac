"""The SendGrid stand-in is as strict as the v3 reference: a test against it proves something."""

import copy
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.sendgrid import handlebars
from deploy.local.sendgrid.events import Signer, batch, event
from deploy.local.sendgrid.mail_body import faults_of
from deploy.local.sendgrid.server import Sink
from tests.emails.sendgrid import API_KEY, running_sink

GOOD: dict[str, Any] = {
    "from": {"email": "no-reply@coditect.example", "name": "CODITECT"},
    "personalizations": [{"to": [{"email": "ada@example.com"}]}],
    "subject": "Welcome",
    "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}],
    "categories": ["welcome"],
    "custom_args": {"outbox_id": "1"},
    "attachments": [{"content": "YQ==", "type": "text/plain", "filename": "a.txt", "disposition": "attachment"}],
    "tracking_settings": {"click_tracking": {"enable": False, "enable_text": False}},
    "mail_settings": {"bypass_bounce_management": {"enable": True}},
}
TEMPLATES = ["d-1"]


def changed(**change: Any) -> dict[str, Any]:
    """Return the good body with some fields replaced, or left out where None."""
    return {name: value for name, value in (copy.deepcopy(GOOD) | change).items() if value is not None}


def person(**fields: Any) -> dict[str, Any]:
    """Return the good body with more fields in its personalization."""
    return changed(personalizations=[{"to": [{"email": "ada@example.com"}], **fields}])


class TestBody:
    def test_of_the_reference_is_taken(self) -> None:
        assert faults_of(GOOD, template_ids=[]) == []
        templated = changed(template_id="d-1", subject=None, content=None)
        templated["personalizations"][0]["dynamic_template_data"] = {"name": "Ada", "seats": 3}
        assert faults_of(templated, template_ids=TEMPLATES) == []

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ([], None), ("x", None), ({}, "from"), (changed(**{"from": None}), "from"),
            (changed(**{"from": {"name": "A"}}), "from.email"), (changed(**{"from": {"email": "a"}}), "from.email"),
            (changed(personalizations=None), "personalizations"), (changed(personalizations=[]), "personalizations"),
            (changed(personalizations=[{}]), "personalizations.0.to"), (person(to=[]), "personalizations.0.to"),
            (person(to=[{"email": "Ada <ada@example.com>"}]), "personalizations.0.to.0.email"),
            (person(to=[{"email": "a@b.co"}, {"email": "A@b.co"}]), "personalizations.0"),
            (person(cc=[{"email": "ada@example.com"}]), "personalizations.0"),
            (person(custom_args={"n": 1}), "personalizations.0.custom_args"),
            (person(dynamic_template_data={"n": 1}), "personalizations.0.dynamic_template_data"),
            (changed(subject=None), "personalizations.0.subject"), (changed(subject=""), "subject"),
            (changed(content=None), "content"), (changed(content=[]), "content"),
            (changed(content=[{"type": "text/plain", "value": ""}]), "content.0.value"),
            (changed(content=GOOD["content"][::-1]), "content"), (changed(content=GOOD["content"] * 2), "content"),
            (changed(template_id="d-2"), "template_id"), (changed(template_id=""), "template_id"),
            (changed(custom_args={"outbox_id": 1}), "custom_args"), (changed(custom_args=[]), "custom_args"),
            (changed(custom_args={"x": "y" * 10_000}), "custom_args"), (changed(categories=["a"] * 2), "categories"),
            (changed(categories=["x" * 256]), "categories"), (changed(categories=list("abcdefghijk")), "categories"),
            (changed(attachments=[{"content": "a", "filename": "a"}]), "attachments.0.content"),
            (changed(attachments=[{"content": "YQ=="}]), "attachments.0.filename"),
            (changed(attachments=[{"content": "YQ==", "filename": "a\r\nb"}]), "attachments.0.filename"),
            (changed(attachments=[{"content": "YQ==", "filename": "a", "disposition": "x"}]), "attachments"),
            (changed(tracking_settings={"click_tracking": False}), "tracking_settings.click_tracking"),
            (changed(tracking_settings={"open_tracking": {"enable": "no"}}), "tracking_settings.open_tracking.enable"),
            (changed(mail_settings={f"bypass_{each}_management": {"enable": True} for each in ("list", "spam")}),
             "mail_settings"),
            (changed(to="ada@example.com"), "to"), (changed(html="x"), "html"), (changed(send_at="now"), "send_at"),
        ],
    )  # fmt: skip
    def test_that_breaks_a_rule_is_refused_by_name(self, body: Any, field: str | None) -> None:
        assert field in [fault.field for fault in faults_of(body, template_ids=TEMPLATES)]


@pytest.fixture
def sink() -> Iterator[tuple[Sink, str]]:
    """Return a running stand-in and its address."""
    with running_sink() as running:
        yield running


def ask(url: str, body: Any, *, key: str = API_KEY, content_type: str = "application/json") -> tuple[int, Any, Any]:
    """Post to the stand-in; return status, headers and body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, raw, {"Authorization": f"Bearer {key}", "Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())


class TestServer:
    def test_answers_202_with_an_id_and_nothing_else(self, sink: tuple[Sink, str]) -> None:
        status, headers, body = ask(f"{sink[1]}/v3/mail/send", GOOD)
        assert (status, body) == (202, b"")
        assert headers["X-Message-Id"] == sink[0].mails[0]["id"]

    @pytest.mark.parametrize(
        ("status", "asked"),
        [
            (401, {"key": "SG.other"}),
            (415, {"content_type": "text/plain"}),
            (400, {"body": b"{"}),
            (400, {"body": changed(to="x")}),
            (413, {"body": b" " * (30 * 1024 * 1024 + 1)}),
        ],
    )
    def test_refuses_in_sendgrids_shape_and_takes_nothing(
        self, sink: tuple[Sink, str], status: int, asked: dict[str, Any]
    ) -> None:
        told, _, body = ask(f"{sink[1]}/v3/mail/send", **{"body": GOOD, **asked})
        assert told == status
        assert {"message", "field", "help"} == set(body["errors"][0])
        assert sink[0].mails == []

    def test_knows_no_other_route(self, sink: tuple[Sink, str]) -> None:
        assert ask(f"{sink[1]}/v3/mail/batch", {})[0] == 404


class TestEvents:
    def test_are_verified_by_the_sdks_own_check_over_the_raw_bytes(self) -> None:
        from sendgrid.helpers.eventwebhook import EventWebhook

        signer = Signer()
        body = batch(event({"id": "x", "body": GOOD}, "delivered"))
        headers = list(signer.headers(body).values())
        theirs = EventWebhook(signer.public_key)
        assert theirs.verify_signature(body.decode(), *headers)
        assert not theirs.verify_signature(body.decode() + " ", *headers)


class TestHandlebars:
    def test_draws_names_and_conditions(self) -> None:
        source = "{{#if a}}A {{a}}{{/if}}{{#if b}}B{{/if}} {{{a}}} {{c}}"
        assert handlebars.render(source, {"a": "<1>", "b": ""}) == "A &lt;1&gt; <1> "

    @pytest.mark.parametrize("source", ["{{#if a}}", "{{a", "{{a.b}}", "{{> part}}", "a}}"])
    def test_refuses_what_it_does_not_know(self, source: str) -> None:
        with pytest.raises(handlebars.CannotRender):
            handlebars.render(source, {})
