"""Pages outside of the API: the front door, the key set, and the mailbox of local runs."""

from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from config.kernel import keyring
from emails.services import mailbox


@dataclass(frozen=True)
class Door:
    """A link on the front page."""

    path: str
    title: str
    about: str


DOORS = [
    Door("/api/docs/", "API, to try", "Every route, with examples, in Swagger UI."),
    Door("/api/redoc/", "API, to read", "The same in ReDoc; the document itself is at /api/schema/."),
    Door("/api/v1/plans", "Plans", "The price list, as JSON."),
    Door("/health/ready", "Health", "What this service depends on, and how it is."),
    Door("/django-admin/", "Staff", "Accounts and plans, for platform admins."),
]
LOCAL_DOORS = [Door("/local/mailbox", "Mailbox", "Mails that a local run would have sent.")]


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Show what is where."""
    return render(request, "api/front.html", {"doors": DOORS + (LOCAL_DOORS if settings.LOCAL_MAILBOX else [])})


@require_safe
@never_cache
def mailed_link(request: HttpRequest, page: str) -> HttpResponse:
    """Show the form that a mailed link leads to; the token behind its # never reaches us before it is sent."""
    response = render(request, f"api/{page}.html")
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
@cache_control(public=True, max_age=300)
def jwks(request: HttpRequest) -> JsonResponse:
    """Publish every public key in use (RFC 7517): of tokens, licence files, answers and audit checkpoints."""
    return JsonResponse(keyring.public_jwks())


@require_safe
def local_mailbox(request: HttpRequest) -> HttpResponse:
    """Show the mails of a local run: HTML for people, JSON by Accept; `?to=` for one recipient."""
    if not settings.LOCAL_MAILBOX:
        raise Http404
    messages = mailbox.list_messages(recipient=request.GET.get("to", ""))
    if request.accepts("text/html") and not _asks_for_json(request):
        return render(request, "api/mailbox.html", {"messages": messages})
    listed = [
        {
            "id": str(message.id),
            "to": message.recipient,
            "kind": message.kind,
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
            "attachments": message.attachments,
            "sent_at": f"{message.created_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        for message in messages
    ]
    return JsonResponse(listed, safe=False)


def _asks_for_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def nowhere(request: HttpRequest) -> HttpResponse:
    """Answer for an address that a package brings along and that is not served here."""
    raise Http404
