"""What every refusal of the API looks like, checked in one place."""

from typing import Any


def refused(answer: Any, status: int, code: str, attr: str | None = None) -> dict[str, Any]:
    """Fail unless the answer is this error, in the contract's one shape; return its body."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    body = well_shaped(answer)
    assert (body["errors"][0]["code"], body["errors"][0]["attr"]) == (code, attr), body
    return body


def well_shaped(answer: Any) -> dict[str, Any]:
    """Fail unless an error answer has the contract's shape, a request id and no word about our inside."""
    assert answer.headers["Content-Type"].startswith("application/json"), answer.headers
    assert answer.headers["X-Request-ID"]
    body: dict[str, Any] = answer.json()
    kinds = {"server_error"} if answer.status_code >= 500 else {"client_error", "validation_error"}
    assert body["type"] in kinds, body
    assert body["errors"], body
    for error in body["errors"]:
        assert set(error) == {"code", "detail", "attr"}, error
        assert error["code"] == error["code"].lower(), error
    for word in (b"Traceback", b"psycopg", b"SELECT", b"File "):
        assert word not in answer.content, answer.content
    return body
