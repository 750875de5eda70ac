"""The application as the server calls it, beneath the framework's test client: what happens before any middleware."""

import io
import json
from typing import Any

import pytest

from api.http.middleware import MAX_BODY_BYTES
from tests.api.beneath import as_owner

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
        for number, charset in enumerate(["rot13", "utf-16", "zlib", "unicode_escape"]):
            fields = {"email": f"zoe-{number}@example.com", "password": "Correct-Horse-1", "full_name": "Zoë Núñez 李"}
            status, _ = call(
                "POST",
                "/api/v1/auth/register",
                body=json.dumps({**fields, "company_name": "Engines"}, ensure_ascii=False).encode(),
                content_type=f"application/json; charset={charset}",
            )
            assert status == "201 Created"
        rows = as_owner("select distinct full_name, char_length(full_name) from users_user where not is_platform_admin")
        assert rows == [("Zoë Núñez 李", 11)]

    def test_of_a_body_in_utf16_does_not_make_it_json(self) -> None:
        status, body = call(
            "POST",
            "/api/v1/licenses/validate",
            body='{"license_key": "nonsense"}'.encode("utf-16"),
            content_type="application/json; charset=utf-16",
        )
        assert (status, body["errors"][0]["code"]) == ("400 Bad Request", "parse_error")


class TestBodyCap:
    def test_counts_bytes_and_not_characters(self) -> None:
        around = '{"license_key": "nonsense", "note": "%s"}'
        most = MAX_BODY_BYTES - len(around % "")
        told = {}
        for note in ("é" * (most // 2) + "e" * (most % 2), "é" * (most // 2 + 1)):
            body = (around % note).encode()
            assert len(body.decode()) < 0.51 * MAX_BODY_BYTES
            told[len(body) - MAX_BODY_BYTES], _ = call("POST", "/api/v1/licenses/validate", body=body)
        assert told == {0: "200 OK", 2 - most % 2: "413 Request Entity Too Large"}
