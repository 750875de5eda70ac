"""What a request must bring before any operation looks at it: the secret key, a known version, a form body."""

from __future__ import annotations

import base64
import binascii
import hmac
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request

from deploy.local.stripe.context import API_VERSION
from deploy.local.stripe.errors import invalid, unauthorized
from deploy.local.stripe.params import decode
from deploy.local.stripe.store import Json

# Releases within a train only add, so the train's first release is served with the same shapes.
KNOWN_VERSIONS = (API_VERSION, "2026-09-30.endive")
FORM = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 1024 * 1024


def authenticate(request: Request, api_key: str | None) -> None:
    """401 unless the request carries `api_key` (any test-mode secret key when that is None)."""
    given = _secret_key(request)
    if not given:
        raise unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    known = given.startswith("sk_test_") if api_key is None else hmac.compare_digest(given.encode(), api_key.encode())
    if not known:
        raise unauthorized(f"Invalid API Key provided: {given[:8]}{'*' * 12}{given[-4:]}")


def _secret_key(request: Request) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def check_version(request: Request) -> None:
    """Refuse versions whose shapes the stand-in does not speak; without the header the pinned one is meant."""
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version not in KNOWN_VERSIONS:
        raise invalid(f"Invalid Stripe API version: {version}. The stand-in speaks {', '.join(KNOWN_VERSIONS)}.")


def read_params(request: Request) -> Json:
    """The raw parameters, nested, of the query string and the form body."""
    try:
        pairs = parse_qsl(request.query_string.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
        if request.method == "POST" or request.content_length:
            pairs += _body(request)
    except ValueError as error:
        raise invalid(f"Invalid request: {error}") from error
    return decode(pairs)


def _body(request: Request) -> list[tuple[str, str]]:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise invalid("Request body is too large.", status=413)
    body = request.get_data()
    if not body:
        return []
    if request.mimetype != FORM:
        raise invalid(f"Invalid request (check that your POST content type is {FORM}).")
    return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
