"""The Idempotency-Key header, for POSTs that create something or cost money: `@idempotent` beside the action."""

import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.http.authentication import viewer_id
from api.http.client_ip import client_ip
from api.http.tenancy import HEADER as ORGANIZATION
from config.kernel import idempotency
from config.kernel.errors import DomainError
from config.kernel.idempotency import Answer

Action = TypeVar("Action", bound=Callable[..., Response])

HEADER = "Idempotency-Key"
LONGEST = 255
REPLAYED = "Idempotent-Replayed"


class IdempotencyKeyInvalid(DomainError):
    """The header is empty, too long or no plain text."""

    code = "idempotency_key_invalid"
    detail = f"An Idempotency-Key has 1 to {LONGEST} visible ASCII characters."


def idempotent(action: Action) -> Action:
    """Make a repetition of the request, by the same caller with the same key and body, give the first answer again.

    Answers below 500 are remembered, refusals among them; after a failure of ours the request may be tried again.
    """

    @functools.wraps(action)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return action(view, request, *args, **kwargs)
        if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
            raise IdempotencyKeyInvalid
        # For another organization it is another request.
        body = json.dumps([request.headers.get(ORGANIZATION), request.data], sort_keys=True).encode()
        begun = idempotency.begin(caller=_caller(request), route=request.path.rstrip("/"), key=key, body=body)
        if isinstance(begun, Answer):
            return Response(begun.body, status=begun.status, headers={REPLAYED: "true"})
        try:
            response = action(view, request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  (whatever it is becomes an answer, or is raised again)
            # Turned into the answer it will be, so that a refusal is remembered like any other answer.
            try:
                response = view.handle_exception(error)
            except Exception:  # not a refusal but a failure of ours: nothing to remember
                begun.give_up()
                raise
        if response.status_code >= 500:
            begun.give_up()
        else:
            plain = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
            begun.finish(Answer(response.status_code, plain))
        return response

    once.idempotent = True  # type: ignore[attr-defined]  # read by the schema
    return once  # type: ignore[return-value]  # called as the action is, which the type of a wrapper cannot say


def _caller(request: Request) -> str:
    """Return who repeats: the signed-in user, else the licence key that is shown, else the address."""
    user_id = viewer_id(request)
    if user_id is not None:
        return f"user:{user_id}"
    license_key = request.data.get("license_key") if isinstance(request.data, dict) else None
    return f"key:{license_key}" if isinstance(license_key, str) else f"ip:{client_ip(request)}"
