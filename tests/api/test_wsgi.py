"""The application as the server calls it, beneath the framework's test client: what happens before any middleware."""

import io
import json
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("db")


def call(method: str, path: str, *, body: bytes = b"", content_type: str = "application/json") -> tuple[str, Any]:
    """Send one request to the WSGI application; return status line and decoded body."""
    from config.wsgi import application

    told: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "page=1",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }

    def start(status: str, headers: Any, failure: Any = None) -> Any:
        told.append(status)

    body = json.loads(b"".join(application(environ, start)))
    return told[0], body


class TestCharset:
    def test_that_is_no_utf8_changes_nothing(self) -> None:
        for charset in ["rot13", "zlib", "base64", "idna", "undefined", "nonsense", "utf-16", ""]:
            status, body = call("GET", "/api/v1/plans", content_type=f"application/json; charset={charset}")
            assert (status, body["count"]) == ("200 OK", 3)

    def test_leaves_a_body_to_be_read_as_utf8(self) -> None:
        for charset in ["rot13", "utf-16", "zlib", "unicode_escape"]:
            status, body = call(
                "POST",
                "/api/v1/licenses/validate",
                body=b'{"license_key": "nonsense", "nonce": "n-1"}',
                content_type=f"application/json; charset={charset}",
            )
            assert (status, body["code"], body["nonce"]) == ("200 OK", "MALFORMED", "n-1")

    def test_of_a_body_in_utf16_does_not_make_it_json(self) -> None:
        status, body = call(
            "POST",
            "/api/v1/licenses/validate",
            body='{"license_key": "nonsense"}'.encode("utf-16"),
            content_type="application/json; charset=utf-16",
        )
        assert (status, body["errors"][0]["code"]) == ("400 Bad Request", "parse_error")
