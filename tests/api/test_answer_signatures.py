"""Which answers are signed, and that what is signed is built as RFC 9421 says; over HTTP: tests/concurrency."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.exceptions import ImproperlyConfigured
from rest_framework.test import APIClient

from api.http.answer_signatures import signature_base
from config.kernel import keyring
from config.kernel.database import outage
from config.kernel.keyring import Purpose
from tests.api.operations import document

SIGNED = {
    ("post", "/api/v1/licenses/acquire"),
    ("post", "/api/v1/licenses/borrow"),
    ("post", "/api/v1/licenses/heartbeat"),
    ("post", "/api/v1/licenses/release"),
    ("post", "/api/v1/licenses/validate"),
    ("post", "/api/v1/licenses/activate"),
    ("get", "/api/v1/licenses/{license_key}/status"),
    ("patch", "/api/v1/licenses/sessions/{id}/heartbeat"),
    ("delete", "/api/v1/licenses/sessions/{id}"),
}
HEADERS = ("Signature", "Signature-Input", "Content-Digest")


class TestSignatureBase:
    def test_is_that_of_the_standard(self) -> None:
        """RFC 9421, appendix B.2.6; Ed25519 gives the same signature each time."""
        covered = {
            '"date"': "Tue, 20 Apr 2021 02:07:55 GMT",
            '"@method"': "POST",
            '"@path"': "/foo",
            '"@authority"': "example.com",
            '"content-type"': "application/json",
            '"content-length"': "18",
        }
        parameters = f'({" ".join(covered)});created=1618884473;keyid="test-key-ed25519"'
        key: Any = load_pem_private_key(
            b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n"
            b"-----END PRIVATE KEY-----\n",
            None,
        )
        signature = key.sign(signature_base(covered, parameters).encode())
        assert base64.b64encode(signature).decode() == (
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
        )


@pytest.mark.usefixtures("db")
class TestSigned:
    def test_are_the_answers_that_say_so_in_the_document(self) -> None:
        told = {
            (method, path)
            for path, methods in document()["paths"].items()
            for method, operation in methods.items()
            if all(set(answer.get("headers", ())) == set(HEADERS) for answer in operation["responses"].values())
        }
        assert told == SIGNED
        assert set(document()["components"]["headers"]) == set(HEADERS)

    @pytest.mark.parametrize(
        ("method", "path", "headers", "status"),
        [
            ("POST", "/api/v1/licenses/validate", {}, 400),
            ("POST", "/api/v1/licenses/validate/", {}, 400),
            ("GET", "/api/v1/licenses/validate", {}, 405),
            ("PUT", "/api/v1/licenses/acquire", {}, 405),
            ("POST", "/api/v1/licenses/acquire", {"CONTENT_LENGTH": str(1024 * 1024 + 1)}, 413),
            ("POST", "/api/v1/licenses/acquire", {"CONTENT_LENGTH": "nonsense"}, 400),
            ("POST", "/api/v1/licenses/acquire", {"HTTP_CONTENT_DIGEST": "sha-256=:nonsense:"}, 400),
            ("POST", "/api/v1/licenses/acquire?x=%00", {}, 400),
            ("POST", "/api/v1/licenses/acquire", {"HTTP_HOST": "elsewhere.example"}, 400),
            ("POST", "/api/v1/licenses/acquire", {"HTTP_ACCEPT": "text/html"}, 406),
            ("DELETE", f"/api/v1/licenses/sessions/{'0' * 36}", {}, 404),
        ],
    )
    def test_are_refusals_too_also_before_routing(
        self, method: str, path: str, headers: dict[str, str], status: int
    ) -> None:
        answer = APIClient().generic(method, path, **headers)  # type: ignore[arg-type]  # environment by name
        assert answer.status_code == status, answer.content
        assert set(HEADERS) <= set(answer.headers)
        assert answer.headers["Cache-Control"] == "no-store, no-transform"

    def test_are_those_that_say_that_the_database_is_gone(self) -> None:
        outage.noticed()
        try:
            answer = APIClient().post("/api/v1/licenses/heartbeat", {})
        finally:
            outage.over()
        assert answer.status_code == 503
        assert set(HEADERS) <= set(answer.headers)

    @pytest.mark.parametrize(
        "path",
        ["/", "/api/v1/plans", "/api/v1/licenses", "/api/v1/licenses/nowhere/at/all", "/health/live", "/nowhere"],
    )
    def test_are_no_others(self, path: str) -> None:
        assert not {"Signature", "Signature-Input"} & set(APIClient().get(path).headers)

    def test_by_the_key_of_their_own_purpose(self) -> None:
        answer = APIClient().post("/api/v1/licenses/validate", {})
        kid = re.search('keyid="([^"]+)"', answer.headers["Signature-Input"])
        assert kid is not None
        assert kid[1] == keyring.keyring(Purpose.ANSWER).signing.kid


class TestStart:
    def test_is_refused_while_a_purpose_has_no_key(self, settings: Any, tmp_path: Path) -> None:
        settings.KEYS_DIR = tmp_path
        for purpose in Purpose:
            with pytest.raises(ImproperlyConfigured, match=f"no key for: .*{purpose}"):
                keyring.refuse_missing()
            keyring.create(purpose)
        keyring.refuse_missing()
