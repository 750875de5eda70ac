"""How operations appear in the OpenAPI document: each with its error codes, in the contract's one error shape."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema_serializer
from rest_framework import serializers

from api.http import answer_signatures, rate_limits
from api.http.errors import STATUSES
from api.http.idempotency import IdempotencyKeyInvalid
from api.http.tenancy import HEADER
from config.kernel.errors import DomainError
from config.kernel.idempotency import IdempotencyInFlight, IdempotencyKeyReused
from users.errors import StepUpRequired


class ErrorSerializer(serializers.Serializer[Any]):
    """One thing that is wrong."""

    code = serializers.CharField(help_text="Stable; what a program decides by.")
    detail = serializers.CharField(help_text="A sentence for a person; may change.")
    attr = serializers.CharField(allow_null=True, help_text="The body field at fault, if it is one field's fault.")


class ErrorResponseSerializer(serializers.Serializer[Any]):
    """The body of every error."""

    type = serializers.ChoiceField(["validation_error", "client_error", "server_error"])
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]  # a field by the name of a method


ORGANIZATION_HEADER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    required=False,
    description="Id or slug of the organization that the request is about; without it, your default one.",
)

GENERAL = {
    400: [("invalid", "The body breaks a rule; `attr` names the field.")],
    401: [
        ("authentication_failed", "The token is not valid or has expired."),
        ("not_authenticated", "No token came with the request."),
    ],
    429: [("rate_limited", "Too many requests; Retry-After says when to try again.")],
    503: [("service_unavailable", "A store does not answer; Retry-After says when to try again.")],
}


def errors(*failures: type[DomainError], body: bool = False, auth: bool = False) -> dict[int, OpenApiResponse]:
    """Return the `responses` entries for these failures, and for those of every parsed body or token."""
    codes: dict[int, list[tuple[str, str]]] = {}
    for failure in failures:
        codes.setdefault(STATUSES[failure.kind], []).append((failure.code, failure.detail))
    for status, wanted in ((400, body), (401, auth), (503, True)):
        if wanted:
            codes.setdefault(status, []).extend(GENERAL[status])
    return {status: _response(status, listed) for status, listed in sorted(codes.items())}


def _response(status: int, codes: list[tuple[str, str]]) -> OpenApiResponse:
    unique = list(dict(codes).items())
    kind = "server_error" if status >= 500 else "validation_error" if status == 400 else "client_error"
    return OpenApiResponse(
        ErrorResponseSerializer,
        description="\n".join(f"- `{code}`: {detail}" for code, detail in unique),
        examples=[
            OpenApiExample(code, {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]})
            for code, detail in unique
        ],
    )


def page_of(shape: type[serializers.Serializer[Any]], *, cursors: bool = False) -> type[serializers.Serializer[Any]]:
    """Return the shape of a page of a list, as `ApiViewSet.page` answers; with cursors nothing is counted."""
    fields = {
        "count": serializers.IntegerField(help_text="How many there are on all pages."),
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": shape(many=True),
    }
    if cursors:
        del fields["count"]
    page = type(f"{shape.__name__.removesuffix('Serializer')}PageSerializer", (serializers.Serializer,), fields)
    return extend_schema_serializer(many=False)(page)


SIGNED_REQUEST_HEADERS = {
    answer_signatures.NONCE: (
        "Chosen anew for each request, 1 to 128 of `A-Z a-z 0-9 . _ ~ + / = -`; the answer's signature covers it, so "
        "that no older answer can be passed off as this one."
    ),
    answer_signatures.DIGEST: (
        "`sha-256` of the body (RFC 9530). When it fits, the answer's signature covers it: what was answered is what "
        "was asked."
    ),
}


class OperationSchema(AutoSchema):
    """Names operations after their route's words."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation, with what is declared beside its action: in words, and as answers."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        handler = getattr(self.view, getattr(self.view, "action", None) or "", None)
        if getattr(handler, "idempotent", False):
            self._tell_idempotency(operation)
        if any(parameter["name"] in {"page", "cursor"} for parameter in operation.get("parameters", [])):
            self._may_fail(operation, 404, [("not_found", "The list has no such page.")])
        step_up = getattr(handler, "step_up", None)
        if step_up is not None:
            self._tell(operation, f"{step_up}.")
            self._may_fail(operation, 403, [(StepUpRequired.code, StepUpRequired.detail)])
        general = (rate_limits.GENERAL,) if getattr(self.view, "generally_limited", False) else ()
        limits = getattr(handler, "rate_limits", general)
        if limits:
            told = ", ".join(f"{limit.rate} per {limit.per}" for limit in limits)
            self._tell(operation, f"Rate limit: {told}.")
            self._may_fail(operation, 429, GENERAL[429])
        if getattr(handler, "signed_answers", False):
            self._may_fail(operation, 400, [answer_signatures.NONCE_REFUSED])
            self._tell_signature(operation)
        return operation

    def _tell(self, operation: dict[str, Any], sentence: str) -> None:
        """Add a sentence to the description."""
        operation["description"] = "\n\n".join(filter(None, [operation.get("description", ""), sentence]))

    def _may_fail(self, operation: dict[str, Any], status: int, codes: list[tuple[str, str]]) -> None:
        """Add an answer, or its codes to what the operation answers with this status."""
        answers = operation["responses"]
        told = _response(status, codes)
        answer = self._get_response_for_code(told, str(status))  # type: ignore[no-untyped-call]  # the library's own
        if str(status) in answers:
            answers[str(status)]["description"] += "\n" + answer["description"]
        else:
            answers[str(status)] = answer
        operation["responses"] = dict(sorted(answers.items()))

    def _tell_idempotency(self, operation: dict[str, Any]) -> None:
        """Add the Idempotency-Key header and what it can be answered with."""
        operation.setdefault("parameters", []).append(
            {
                "in": "header",
                "name": "Idempotency-Key",
                "schema": {"type": "string", "maxLength": 255},
                "description": "Repeat a request with the same key and body, and get the first answer again (24 h).",
            }
        )
        for failure in (IdempotencyKeyInvalid, IdempotencyInFlight, IdempotencyKeyReused):
            self._may_fail(operation, STATUSES[failure.kind], [(failure.code, failure.detail)])

    def _tell_signature(self, operation: dict[str, Any]) -> None:
        """Add the headers by which an answer is bound to what was asked, and those that carry the signature."""
        self._tell(operation, "Every answer is signed, refusals among them: docs/signed-answers.md.")
        operation.setdefault("parameters", []).extend(
            {"in": "header", "name": name, "schema": {"type": "string"}, "description": told}
            for name, told in SIGNED_REQUEST_HEADERS.items()
        )
        for answer in operation["responses"].values():
            answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in answer_signatures.HEADERS}

    def get_tags(self) -> list[str]:
        """Group by the first word of the path."""
        return [self.path.removeprefix("/api/v1/").split("/")[0]]


class AccessTokenScheme(OpenApiAuthenticationExtension):
    """Documents the user's Bearer token."""

    target_class = "api.http.authentication.AccessTokenAuthentication"
    name = "accessToken"
    TOLD = (
        "From /auth/login. Where Firebase is configured, an ID token as well, once it was exchanged at /auth/firebase; "
        "401 then says `firebase_not_linked`, `firebase_token_expired`, `firebase_sign_in_ended` or "
        "`firebase_token_invalid`, 403 `firebase_provider_not_allowed`, `mfa_required` (exchange it) or "
        "`session_required`, and 503 `firebase_unavailable`."
    )

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": self.TOLD}


class SeatTokenScheme(OpenApiAuthenticationExtension):
    """Documents the Bearer token of the session routes: a machine's or a user's."""

    target_class = "api.http.authentication.SeatOrAccessTokenAuthentication"
    name = "seatOrAccessToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The session's own signed_token, or an access token of its member, an owner or an admin.",
        }
