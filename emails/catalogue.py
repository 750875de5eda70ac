"""The kinds of mail there are; each has a folder of templates with its subject, text and HTML."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.template.loader import render_to_string


class EmailKind(StrEnum):
    """What a mail is about; the name of its folder of templates."""

    VERIFY_EMAIL = "verify_email"
    WELCOME = "welcome"
    PASSWORD_RESET = "password_reset"  # noqa: S105  (the name of a kind)
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    MFA_ENABLED = "mfa_enabled"
    MFA_DISABLED = "mfa_disabled"
    RECOVERY_CODE_USED = "recovery_code_used"
    EMAIL_CHANGE = "email_change"
    EMAIL_CHANGE_TAKEN = "email_change_taken"
    EMAIL_CHANGE_ASKED = "email_change_asked"
    EMAIL_CHANGED = "email_changed"
    FIREBASE_LINKED = "firebase_linked"
    INVITATION = "invitation"
    SUBSCRIPTION_CONFIRMED = "subscription_confirmed"
    LICENSE_ISSUED = "license_issued"


@dataclass(frozen=True)
class Attachment:
    """A file sent along; `content` is text."""

    filename: str
    content_type: str
    content: str


@dataclass(frozen=True)
class Message:
    """A mail ready to be handed to a provider."""

    recipient: str
    kind: str
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()


def render(*, kind: EmailKind, recipient: str, data: dict[str, Any], attachments: tuple[Attachment, ...]) -> Message:
    """Return the mail of this kind, its templates filled with `data`; raises TemplateDoesNotExist."""
    folder = f"emails/{kind}"
    return Message(
        recipient=recipient,
        kind=kind,
        subject=" ".join(render_to_string(f"{folder}/subject.txt", data).split()),
        text=render_to_string(f"{folder}/body.txt", data).strip() + "\n",
        html=render_to_string(f"{folder}/body.html", data),
        attachments=attachments,
    )
