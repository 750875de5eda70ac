"""The rules of the body of POST /v3/mail/send; whatever the reference does not name is refused."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from deploy.local.sendgrid.errors import Fault

Check = Callable[[Any, str], Iterator[Fault]]

MOST_CUSTOM_ARGS_BYTES = 10_000
MOST_RECIPIENTS = 1_000
_ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+")


def faults_of(body: Any, *, template_ids: Collection[str]) -> list[Fault]:
    """Return all that is wrong with a body; nothing when SendGrid would take it."""
    found = list(_object(_BODY, required=("from", "personalizations"))(body, ""))
    return found or list(_as_a_whole(body, template_ids))


def _text(value: Any, at: str) -> Iterator[Fault]:
    if not isinstance(value, str) or not value:
        yield Fault(f"{at} must be a string of at least one character.", at)


def _number(value: Any, at: str) -> Iterator[Fault]:
    if type(value) is not int:
        yield Fault(f"{at} must be an integer.", at)


def _boolean(value: Any, at: str) -> Iterator[Fault]:
    if type(value) is not bool:
        yield Fault(f"{at} must be a boolean.", at)


def _anything(value: Any, at: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(f"{at} must be an object.", at)


def _email(value: Any, at: str) -> Iterator[Fault]:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        yield Fault(f"{at} does not contain a valid address.", at)


def _one_line(value: Any, at: str) -> Iterator[Fault]:
    yield from _text(value, at)
    if isinstance(value, str) and re.search(r"[;\r\n]", value):
        yield Fault(f"{at} must not contain ';' or line breaks.", at)


def _base64(value: Any, at: str) -> Iterator[Fault]:
    yield from _text(value, at)
    try:
        base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        yield Fault(f"{at} must be base64 encoded.", at)


def _strings(value: Any, at: str) -> Iterator[Fault]:
    """Custom arguments, headers and substitutions: strings to strings."""
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        yield Fault(f"{at} must be an object of strings.", at)
    elif len(json.dumps(value)) > MOST_CUSTOM_ARGS_BYTES:
        yield Fault(f"{at} has more than {MOST_CUSTOM_ARGS_BYTES} bytes.", at)


def _object(checks: dict[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    def check(value: Any, at: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault(f"{at or 'the body'} must be an object.", at or None)
            return
        prefix = f"{at}." if at else ""
        for name in required:
            if name not in value:
                yield Fault(f"{prefix}{name} is required.", prefix + name)
        for name, each in value.items():
            if name not in checks:
                yield Fault(f"{prefix}{name} is not a parameter.", prefix + name)
            else:
                yield from checks[name](each, prefix + name)

    return check


def _list(check_one: Check, *, most: int, least: int = 1) -> Check:
    def check(value: Any, at: str) -> Iterator[Fault]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            yield Fault(f"{at} must be an array of {least} to {most}.", at)
            return
        for index, each in enumerate(value):
            yield from check_one(each, f"{at}.{index}")

    return check


def _switch(**more: Check) -> Check:
    return _object({"enable": _boolean, **more}, required=("enable",))


_PERSON = _object({"email": _email, "name": _text}, required=("email",))
_PEOPLE = _list(_PERSON, most=MOST_RECIPIENTS)
_SHARED: dict[str, Check] = {
    "subject": _text, "headers": _strings, "custom_args": _strings, "send_at": _number, "from": _PERSON,
}  # fmt: skip
_PERSONALIZATION: dict[str, Check] = _SHARED | {
    "to": _PEOPLE, "cc": _PEOPLE, "bcc": _PEOPLE, "substitutions": _strings, "dynamic_template_data": _anything,
}  # fmt: skip
_ATTACHMENT: dict[str, Check] = {
    "content": _base64, "type": _one_line, "filename": _one_line, "disposition": _text, "content_id": _text,
}  # fmt: skip
_BODY: dict[str, Check] = _SHARED | {
    "personalizations": _list(_object(_PERSONALIZATION, required=("to",)), most=1_000),
    "reply_to": _PERSON,
    "reply_to_list": _PEOPLE,
    "content": _list(_object({"type": _one_line, "value": _text}, required=("type", "value")), most=10),
    "attachments": _list(_object(_ATTACHMENT, required=("content", "filename")), most=1_000),
    "template_id": _text,
    "categories": _list(_text, most=10),
    "batch_id": _text,
    "asm": _object({"group_id": _number, "groups_to_display": _list(_number, most=25)}, required=("group_id",)),
    "ip_pool_name": _text,
    "mail_settings": _object(
        {
            **{f"bypass_{what}_management": _switch() for what in ("list", "spam", "bounce", "unsubscribe")},
            "sandbox_mode": _switch(),
            "footer": _switch(text=_text, html=_text),
        }
    ),
    "tracking_settings": _object(
        {
            "click_tracking": _switch(enable_text=_boolean),
            "open_tracking": _switch(substitution_tag=_text),
            "subscription_tracking": _switch(text=_text, html=_text, substitution_tag=_text),
            "ganalytics": _switch(**dict.fromkeys(["utm_source", "utm_medium", "utm_term", "utm_content"], _text)),
        }
    ),
}


def _as_a_whole(body: dict[str, Any], template_ids: Collection[str]) -> Iterator[Fault]:
    """Yield what is wrong between fields that are each right."""
    template = str(body.get("template_id", ""))
    dynamic = template.startswith("d-")
    if template and template not in template_ids:
        yield Fault("template_id is not the id of a template.", "template_id")
    if not template and "content" not in body:
        yield Fault("Unless a valid template_id is provided, the content parameter is required.", "content")
    types = [part["type"] for part in body.get("content", [])]
    if types != sorted(types, key=lambda each: ["text/plain", "text/html"].index(each) if each in _ORDER else 2):
        yield Fault("text/plain must be first, followed by text/html, followed by any other type.", "content")
    if len(types) != len(set(types)):
        yield Fault("content may have each type once.", "content")
    for attachment in body.get("attachments", []):
        if attachment.get("disposition", "attachment") not in {"attachment", "inline"}:
            yield Fault("disposition is attachment or inline.", "attachments")
    categories = body.get("categories", [])
    if len(set(categories)) < len(categories) or any(len(each) > 255 or not each.isascii() for each in categories):
        yield Fault("categories must be unique, in ASCII and of at most 255 characters.", "categories")
    bypasses = [name for name in body.get("mail_settings", {}) if name.startswith("bypass_")]
    if "bypass_list_management" in bypasses and len(bypasses) > 1:
        yield Fault("bypass_list_management goes with no other bypass.", "mail_settings")
    for index, each in enumerate(body["personalizations"]):
        at = f"personalizations.{index}"
        people = [person["email"].lower() for field in ("to", "cc", "bcc") for person in each.get(field, [])]
        if len(set(people)) < len(people):
            yield Fault("Each address must be unique within a personalization.", at)
        if not dynamic and not (each.get("subject") or body.get("subject")):
            yield Fault("The subject is required.", f"{at}.subject")
        if "dynamic_template_data" in each and not dynamic:
            yield Fault("dynamic_template_data needs a dynamic template.", f"{at}.dynamic_template_data")
        if "substitutions" in each and dynamic:
            yield Fault("Substitutions may not be used with dynamic templates.", f"{at}.substitutions")


_ORDER = {"text/plain", "text/html"}
