"""Keeps SendGrid's dynamic templates the same as ours, which are the source of truth."""

from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.parse import parse_qs, urlsplit

from python_http_client.exceptions import HTTPError

from emails.catalogue import EmailKind
from emails.errors import ProviderUnavailable
from emails.handlebars import translated
from emails.providers.sendgrid import client, told

PREFIX = "coditect-"


def push(*, tell: Callable[[str], None]) -> dict[str, str]:
    """Make SendGrid's templates what ours are and return the id of each kind's; what is the same is left alone.

    Templates are found by name, `coditect-<kind>`; `tell` hears what is done. Raises ProviderUnavailable.
    """
    try:
        api = client().client
        known = _known(api)
        return {str(kind): _push(api, kind, known.get(PREFIX + kind), tell) for kind in EmailKind}
    except HTTPError as error:
        raise ProviderUnavailable(told(error)) from error
    except (OSError, HTTPException) as error:
        raise ProviderUnavailable(f"SendGrid did not answer: {type(error).__name__}") from error


def _known(api: Any) -> dict[str, str]:
    """Return the id of every dynamic template by its name, page by page."""
    found: dict[str, str] = {}
    token = ""
    while True:
        asked = {"generations": "dynamic", "page_size": 200, **({"page_token": token} if token else {})}
        page = api.templates.get(query_params=asked).to_dict
        for template in page["result"]:
            found.setdefault(template["name"], template["id"])
        token = parse_qs(urlsplit(page.get("_metadata", {}).get("next", "")).query).get("page_token", [""])[0]
        if not token:
            return found


def _push(api: Any, kind: EmailKind, template_id: str | None, tell: Callable[[str], None]) -> str:
    ours = translated(kind)
    wanted = {
        "name": "from the repository",
        "subject": ours.subject,
        "html_content": ours.html,
        "plain_content": ours.text,
        "generate_plain_content": False,
        "active": 1,
    }
    if template_id is None:
        made: dict[str, Any] = api.templates.post(request_body={"name": PREFIX + kind, "generation": "dynamic"}).to_dict
        template_id = str(made["id"])
        versions = []
    else:
        versions = api.templates._(template_id).get().to_dict["versions"]
    active = next((version for version in versions if version["active"]), None)
    if active is None:
        api.templates._(template_id).versions.post(request_body=wanted)
        tell(f"{kind}: created")
    elif any(active.get(name) != value for name, value in wanted.items()):
        # The one version is changed in place: older ones are in the repository.
        api.templates._(template_id).versions._(active["id"]).patch(request_body=wanted)
        tell(f"{kind}: updated")
    else:
        tell(f"{kind}: unchanged")
    return template_id
