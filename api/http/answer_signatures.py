"""Signs answers, so that a client can tell our verdict from a proxy's error page (docs/signed-answers.md).

RFC 9421 with Ed25519 over status, content (by its RFC 9530 digest), and what was asked: method, path, nonce. Built by
hand, because it is paid for on every heartbeat; tests read it with an independent implementation.
"""

import hashlib
import re
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.encoding import escape_uri_path

from api.http.errors import error_response
from config.kernel.keyring import Purpose, SigningKey, keyring

Action = TypeVar("Action", bound=Callable[..., Any])

LABEL = "coditect"
TAG = "coditect-answer"
NONCE = "X-Nonce"
DIGEST = "Content-Digest"
HEADERS = (DIGEST, "Signature-Input", "Signature")
NONCE_REFUSED = ("invalid_request", "X-Nonce has 1 to 128 characters out of A-Z a-z 0-9 . _ ~ + / = -")
FRESH = timedelta(minutes=5)
"""For how long after `created` a client is told to believe an answer."""

# Nothing that a proxy could fold, split or re-encode on its way; another form is refused, since nothing could cover it.
_NONCE_FORM = re.compile(r"[A-Za-z0-9._~+/=-]{1,128}")
_DIGEST_FORM = re.compile(r"sha-256=:[A-Za-z0-9+/]{43}=:")
_SHORT_LENGTH = re.compile(r"[0-9]{1,7}")
_MOST_DIGESTED_BYTES = 1024 * 1024
_API = "/api/"
_VERIFIED_DIGEST = "_verified_content_digest"
_WITHOUT_CONTENT = frozenset({204, 304})


def signed(action: Action) -> Action:
    """Mark an action: whatever is answered at its route is signed, refusals and failures before routing among it."""
    action.signed_answers = True  # type: ignore[attr-defined]  # read by the middleware and by the schema
    return action


def signed_until(*, kid: str, stopped: datetime) -> datetime:
    """Return until when an answer may be believed that was signed by a key which signed until `stopped`."""
    return stopped + FRESH


class AnswerSignatureMiddleware:
    """Signs what leaves from the routes of actions marked `signed`; outside of whatever may answer before them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and sign the answer."""
        if DIGEST in request.headers:
            _verify_digest(request)
        response = _refuse_nonce(request) or self.get_response(request)
        if isinstance(response, HttpResponse) and _is_signed(request):
            sign(request, response)
        return response


def sign(request: HttpRequest, response: HttpResponse) -> None:
    """Add digest and signature to a finished answer to this request."""
    content = b"" if request.method == "HEAD" or response.status_code in _WITHOUT_CONTENT else response.content
    response.headers[DIGEST] = content_digest(content)
    # Digest and signature fit these bytes only: nobody may keep them for later, nor compress or rewrite them.
    response.headers["Cache-Control"] = "no-store, no-transform"
    covered = {'"@status"': str(response.status_code), '"content-digest"': response.headers[DIGEST]}
    if "Content-Type" in response.headers:
        covered['"content-type"'] = response.headers["Content-Type"]
    covered['"@method";req'] = request.method or ""
    covered['"@path";req'] = escape_uri_path(request.path)
    nonce = request.headers.get(NONCE, "")
    if _NONCE_FORM.fullmatch(nonce):
        covered['"x-nonce";req'] = nonce
    digest = getattr(request, _VERIFIED_DIGEST, None)
    if digest is not None:
        covered['"content-digest";req'] = digest
    # Signed with the pod's clock: asking a store's for it would cost more than the whole signature.
    parameters, signature = sign_components(keyring(Purpose.ANSWER).signing, covered, created=int(time.time()))
    response.headers["Signature-Input"] = f"{LABEL}={parameters}"
    response.headers["Signature"] = f"{LABEL}=:{signature}:"


def sign_components(key: SigningKey, covered: dict[str, str], *, created: int) -> tuple[str, str]:
    """Return the signature's parameters and its value in base64; `covered` maps component identifiers to values."""
    parameters = f'({" ".join(covered)});created={created};keyid="{key.kid}";alg="ed25519";tag="{TAG}"'
    if not isinstance(key.private, Ed25519PrivateKey):
        raise TypeError("answers are signed with Ed25519")
    return parameters, b64encode(key.private.sign(signature_base(covered, parameters).encode())).decode()


def signature_base(covered: dict[str, str], parameters: str) -> str:
    """Return what is signed (RFC 9421 §2.5)."""
    lines = [f"{identifier}: {value}" for identifier, value in covered.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def content_digest(content: bytes) -> str:
    """Return the Content-Digest of these bytes (RFC 9530)."""
    return f"sha-256=:{b64encode(hashlib.sha256(content).digest()).decode()}:"


def _refuse_nonce(request: HttpRequest) -> HttpResponse | None:
    """Answer 400 to a nonce that no signature could cover: its client would take each answer for an outage."""
    nonce = request.META.get("HTTP_X_NONCE")
    if nonce is None or _NONCE_FORM.fullmatch(nonce) or not _is_signed(request):
        return None
    return error_response(400, *NONCE_REFUSED)


def _verify_digest(request: HttpRequest) -> None:
    """Remember the request's own Content-Digest if it fits its body: only then may the answer say that it was asked so.

    One that does not fit refuses nothing: the answer does not cover it, and its client will not believe the answer.
    """
    given = request.headers[DIGEST].strip()
    announced = request.META.get("CONTENT_LENGTH") or "0"
    # Longer bodies are refused, unread, by who looks at sizes.
    short = _SHORT_LENGTH.fullmatch(announced) and int(announced) <= _MOST_DIGESTED_BYTES
    if (
        short
        and request.path.startswith(_API)
        and _DIGEST_FORM.fullmatch(given)
        and content_digest(request.body) == given
    ):
        setattr(request, _VERIFIED_DIGEST, given)


def _is_signed(request: HttpRequest) -> bool:
    match = request.resolver_match
    if match is None:
        # Answered before it was routed, or there is nothing at this address.
        if not request.path_info.startswith(_API):
            return False
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return False
    return _marked(match.func)


@lru_cache(maxsize=1024)
def _marked(view: Callable[..., Any]) -> bool:
    """Return whether one of the actions behind a route is marked; a method that it does not have is refused there."""
    names = getattr(view, "actions", {}).values()
    actions = [view, *(getattr(view.cls, name) for name in names)]  # type: ignore[attr-defined]  # a view set's view
    return any(getattr(action, "signed_answers", False) for action in actions)
