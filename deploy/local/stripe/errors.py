"""Every refusal the stand-in can give, in the shape and with the codes of Stripe's error object."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal that becomes `{"error": {...}}` with its HTTP status."""

    def __init__(self, status: int, message: str, *, kind: str, code: str | None = None, param: str | None = None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param

    def about(self) -> dict[str, Any]:
        """Members that only this kind of refusal has."""
        return {}

    def body(self) -> dict[str, Any]:
        """The JSON body; absent members are left out, as Stripe does."""
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        error |= self.about()
        return {"error": error}


class CardDeclined(ApiError):
    """The one refusal that leaves traces: the attempt was made, and what it changed stays."""

    def __init__(self, message: str, *, code: str, charge: str | None):
        super().__init__(402, message, kind="card_error", code=code)
        self.charge = charge

    def about(self) -> dict[str, Any]:
        """The charge that was refused, if it came to one."""
        if self.charge is None:
            return {}
        return {"charge": self.charge, "decline_code": "generic_decline"}


def card_declined(
    charge: str | None = None, *, code: str = "card_declined", message: str = "Your card was declined."
) -> CardDeclined:
    """402: the bank refuses, or wants the holder first."""
    return CardDeclined(message, code=code, charge=charge)


def invalid(message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> ApiError:
    """The caller's request cannot be carried out as it stands."""
    return ApiError(status, message, kind="invalid_request_error", code=code, param=param)


def unknown_parameter(param: str) -> ApiError:
    """The pinned version has no such parameter, or the stand-in does not simulate it: never silently ignored."""
    return invalid(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def missing_parameter(param: str) -> ApiError:
    """A required parameter is absent."""
    return invalid(f"Missing required param: {param}.", code="parameter_missing", param=param)


def no_such(kind: str, object_id: str, *, param: str = "id", in_path: bool = False) -> ApiError:
    """An id that names nothing: 404 in the path, 400 in a parameter, `resource_missing` both times."""
    return invalid(
        f"No such {kind}: '{object_id}'", code="resource_missing", param=param, status=404 if in_path else 400
    )


def unrecognized_url(method: str, path: str) -> ApiError:
    """No operation is served at this method and path."""
    return invalid(
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs, "
        "or the stand-in's README for what it simulates.",
        status=404,
    )


def unauthorized(message: str) -> ApiError:
    """The secret key is missing or not the one of this account."""
    return invalid(message, status=401)


def internal() -> ApiError:
    """The stand-in itself failed; the log has the traceback."""
    return ApiError(500, "An unknown error occurred in the stand-in; its log has the details.", kind="api_error")
