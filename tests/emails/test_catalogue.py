"""Every kind of mail: its templates name the variables that are declared for it, and nothing else is queued."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.template.base import Lexer, TokenType

from config.kernel.ids import new_id
from emails.catalogue import KINDS, VARIABLES, EmailKind, check
from emails.errors import WrongMailData
from emails.messages import Message, render

FOLDER = Path(__file__).resolve().parents[2] / "emails/templates/emails"
FILES = ["subject.txt", "body.txt", "body.html"]
every_kind = pytest.mark.parametrize("kind", EmailKind)


def example(kind: EmailKind) -> dict[str, Any]:
    """Return the example of each variable of a kind."""
    return {name: VARIABLES[name].example for name in KINDS[kind].variables}


def rendered(kind: EmailKind, data: dict[str, Any] | None = None) -> Message:
    """Return a mail of this kind, filled with examples unless told otherwise."""
    data = example(kind) if data is None else data
    return render(id=new_id(), organization_id=new_id(), kind=kind, recipient="ada@example.com", data=data)


def named(source: str) -> set[str]:
    """Return the variables that a template names; fails for anything but the plain forms that templates keep to."""
    names: set[str] = set()
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.VAR:
            assert re.fullmatch(r"\w+", token.contents), token.contents
            names.add(token.contents)
        elif token.token_type == TokenType.BLOCK:
            command, _, rest = token.contents.partition(" ")
            assert command in {"extends", "block", "endblock", "if", "endif", "include", "autoescape", "endautoescape"}
            if command == "if":
                assert re.fullmatch(r"\w+", rest), rest
                names.add(rest)
            if command == "include":
                names |= set(re.findall(r"\w+=(\w+)", rest))
    return names


class TestKinds:
    @every_kind
    def test_declares_what_its_templates_name(self, kind: EmailKind) -> None:
        in_files = {name: named((FOLDER / kind / name).read_text()) for name in FILES}
        assert in_files["body.txt"] | in_files["body.html"] | in_files["subject.txt"] == KINDS[kind].variables
        assert in_files["body.txt"] == in_files["body.html"], "the text is a twin of the HTML"

    def test_are_all_declared_and_have_all_their_files(self) -> None:
        assert set(KINDS) == set(EmailKind)
        folders = {path.name for path in FOLDER.iterdir() if path.is_dir()} - {"parts"}
        assert folders == {str(kind) for kind in EmailKind}
        assert {name for kind in KINDS.values() for name in kind.variables} == set(VARIABLES)

    @every_kind
    def test_shows_each_variable_once_filled(self, kind: EmailKind) -> None:
        mail = rendered(kind, {name: f"<{name}>&'" for name in KINDS[kind].variables})
        for name in KINDS[kind].variables:
            assert f"<{name}>&'" in mail.text + mail.subject
            assert f"<{name}>" not in mail.html
            assert f"&lt;{name}&gt;&amp;&#x27;" in mail.html
        assert "{{" not in mail.subject + mail.text + mail.html
        assert not re.search(r"&(amp|lt|#x27);", mail.subject + mail.text), "text is not HTML"

    def test_subscription_without_a_trial_says_nothing_of_one(self) -> None:
        mail = rendered(
            EmailKind.SUBSCRIPTION_CONFIRMED, example(EmailKind.SUBSCRIPTION_CONFIRMED) | {"trial_ends_on": ""}
        )
        assert "trial" not in mail.text + mail.html


class _Outline(HTMLParser):
    """Collects what a mail program stumbles over."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.headings = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.headings += tag == "h1"
        if tag in {"script", "img", "link", "form", "iframe"}:
            self.faults.append(f"<{tag}> is not drawn by many mail programs, or loads something")
        if tag == "table" and given.get("role") != "presentation" and "ink" not in (given.get("class") or ""):
            self.faults.append("a table of the layout is read out as data")
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")


class TestLook:
    @every_kind
    def test_is_whole_html_with_a_heading_and_loads_nothing(self, kind: EmailKind) -> None:
        mail = rendered(kind)
        outline = _Outline(mail.html)
        assert (outline.faults, outline.open, outline.headings) == ([], [], 1)
        assert mail.html.startswith("<!doctype html>")
        assert "prefers-color-scheme: dark" in mail.html
        assert len(mail.html) < 100_000, "longer ones are cut off by some"

    @every_kind
    def test_has_lines_in_its_text_that_fit_a_screen(self, kind: EmailKind) -> None:
        long = [line for line in rendered(kind).text.splitlines() if len(line) > 240]
        assert long == []


class TestDocs:
    @every_kind
    def test_show_each_kind(self, kind: EmailKind) -> None:
        docs = FOLDER.parents[2] / "docs"
        assert f"[{kind}](screens/mail/{kind}.png)" in (docs / "mail.md").read_text()
        assert (docs / f"screens/mail/{kind}.png").exists(), "python -m deploy.local.mail_screens docs/screens/mail"


class TestCheck:
    @every_kind
    def test_takes_what_is_declared(self, kind: EmailKind) -> None:
        check(kind=kind, data=example(kind))

    def test_takes_a_choice_as_the_text_it_is(self) -> None:
        check(kind=EmailKind.PASSWORD_CHANGED, data={"full_name": EmailKind.WELCOME})

    def test_refuses_what_is_missing_or_more_or_no_text_and_names_it(self) -> None:
        data = {"full_name": "Ada", "organization_name": None, "token": "x"}
        with pytest.raises(WrongMailData) as refused:
            check(kind=EmailKind.WELCOME, data=data)
        for fault in ("link is missing", "token is not declared", "organization_name is NoneType"):
            assert fault in str(refused.value)
