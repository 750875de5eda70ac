"""A mail as it is handed to a provider: rendered from the templates of its kind."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string

from emails.catalogue import EmailKind


@dataclass(frozen=True)
class Attachment:
    """A file sent along; `content` is text."""

    filename: str
    content_type: str
    content: str


@dataclass(frozen=True)
class Message:
    """A mail ready to be handed over; `id` is the outbox's, `data` what it was rendered with."""

    id: UUID
    organization_id: UUID
    recipient: str
    kind: EmailKind
    data: dict[str, Any]
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()


def render(
    *,
    id: UUID,  # noqa: A002  (the field's name)
    organization_id: UUID,
    kind: EmailKind,
    recipient: str,
    data: dict[str, Any],
    attachments: tuple[Attachment, ...] = (),
) -> Message:
    """Return the mail of this kind, its templates filled with `data`; raises TemplateDoesNotExist."""
    folder = f"emails/{kind}"
    return Message(
        id=id,
        organization_id=organization_id,
        recipient=recipient,
        kind=kind,
        data=data,
        subject=" ".join(render_to_string(f"{folder}/subject.txt", data).split()),
        text=render_to_string(f"{folder}/body.txt", data).strip() + "\n",
        html=render_to_string(f"{folder}/body.html", data).strip() + "\n",
        attachments=attachments,
    )
