"""Answers as they leave a real server: a client tells a verdict from whatever else speaks HTTP on the way."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from http_message_signatures import InvalidSignature

from config.kernel.key_files import LEAST_LEAD
from tests.api.issued import change, licensed
from tests.concurrency.signed_answers import REQUIRED, Reader
from tests.concurrency.together import wait_until
from tests.concurrency.web import Web
from tests.journey import Licensed

MACHINE = "machine-0001"
RECIPE = Path(__file__).parents[2] / "docs" / "signed-answers.md"


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a licence of three seats that whoever has the key may use."""
    return licensed(access_policy="key")


@pytest.fixture
def reader(web: Web) -> Reader:
    """Return a client of a real server."""
    return Reader(web.http)


def acquire(reader: Reader, made: Licensed, machine: str = MACHINE) -> httpx.Response:
    """Ask for a seat."""
    body = {"license_key": made.license_key, "hardware_id": machine}
    return reader.ask("POST", "/api/v1/licenses/acquire", body)


def beat(reader: Reader, seat: dict[str, Any], verb: str = "heartbeat") -> httpx.Response:
    """Keep a seat, or release it."""
    body = {name: seat[name] for name in ("session_id", "signed_token")}
    return reader.ask("POST", f"/api/v1/licenses/{verb}", body)


def code(answer: httpx.Response) -> Any:
    """Return why something was refused."""
    return answer.json()["errors"][0]["code"]


class TestVerdicts:
    def test_are_signed_from_the_first_seat_to_the_last(self, reader: Reader, made: Licensed) -> None:
        first = acquire(reader, made)
        answers = [first, acquire(reader, made)]
        seat = first.json()
        answers.append(beat(reader, seat))
        headers = {"Authorization": f"Bearer {seat['signed_token']}"}
        session = f"/api/v1/licenses/sessions/{seat['session_id']}"
        answers.append(reader.ask("PATCH", f"{session}/heartbeat/", **headers))
        body = {"license_key": made.license_key, "hardware_id": MACHINE}
        answers.append(reader.ask("POST", "/api/v1/licenses/validate/", body))
        answers.append(reader.ask("POST", "/api/v1/licenses/activate", body))
        for path in (made.license_key, made.license_key.replace("-", "%20").lower()):
            answers.append(reader.ask("GET", f"/api/v1/licenses/{path}/status"))
        answers.append(beat(reader, seat, "release"))
        answers.append(reader.ask("DELETE", session, **headers))
        assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, 200, 200, 200, 204, 204]
        for answer in answers:
            result = reader.verify(answer)
            assert ("content-type" in str(list(result.covered_components))) == bool(answer.content)
            assert result.parameters["alg"] == "ed25519"
            assert abs(int(result.parameters["created"]) - datetime.now(UTC).timestamp()) < 60
            assert answer.headers["Cache-Control"] == "no-store, no-transform"

    def test_that_say_no_are_signed_as_well(self, reader: Reader, made: Licensed) -> None:
        unknown = {"license_key": "CODITECT-0000-0000-0000-0000-0000", "hardware_id": MACHINE}
        seat = acquire(reader, made).json()
        other = acquire(reader, made, "machine-0002").json()
        acquire(reader, made, "machine-0003")
        full = acquire(reader, made, "machine-0004")
        mixed = beat(reader, {"session_id": other["session_id"], "signed_token": seat["signed_token"]})
        malformed = reader.ask("POST", "/api/v1/licenses/acquire", {"license_key": "x", "hardware_id": MACHINE})
        nobody = reader.ask("POST", "/api/v1/licenses/acquire", unknown)
        forged = beat(reader, {"session_id": seat["session_id"], "signed_token": "forged"})
        beat(reader, seat, "release")
        gone = beat(reader, seat)
        change(made, status="suspended")
        suspended = acquire(reader, made)
        told = [
            (answer.status_code, code(answer)) for answer in (full, mixed, malformed, nobody, forged, gone, suspended)
        ]
        assert told == [
            (429, "no_seats_available"), (403, "token_mismatch"), (400, "license_key_malformed"),
            (404, "license_not_found"), (401, "authentication_failed"), (410, "session_expired"),
            (403, "license_suspended"),
        ]  # fmt: skip
        for answer in (full, mixed, malformed, nobody, forged, gone, suspended):
            reader.verify(answer)

    def test_without_content_are_signed_also_when_only_the_head_is_asked_for(
        self, reader: Reader, made: Licensed
    ) -> None:
        answer = reader.ask("HEAD", f"/api/v1/licenses/{made.license_key}/status")
        assert (answer.status_code, answer.content) == (200, b"")
        reader.verify(answer)

    def test_of_a_body_that_is_too_large_is_signed(self, reader: Reader) -> None:
        answer = reader.ask("POST", "/api/v1/licenses/acquire", {"license_key": "x" * 1024 * 1024})
        assert (answer.status_code, code(answer)) == (413, "payload_too_large")
        reader.verify(answer, required=REQUIRED[:-1])


class TestOthers:
    """What a client must not take for a verdict on its request."""

    def test_are_answers_that_were_changed_on_the_way(self, reader: Reader, made: Licensed) -> None:
        acquired = acquire(reader, made)
        for change_it in (
            lambda answer: setattr(answer, "status_code", 200),
            lambda answer: setattr(answer, "_content", answer.content.replace(b'"max_seats":3', b'"max_seats":9')),
            lambda answer: answer.headers.update({"Content-Type": "application/problem+json"}),
            lambda answer: answer.headers.update(
                {"Signature-Input": answer.headers["Signature-Input"].replace("created=1", "created=2")}
            ),
        ):
            answer = httpx.Response(201, headers=acquired.headers, content=acquired.content, request=acquired.request)
            reader.verify(answer)
            change_it(answer)
            with pytest.raises(InvalidSignature):
                reader.verify(answer)

    def test_are_older_answers_and_answers_to_something_else(self, reader: Reader, made: Licensed) -> None:
        older = acquire(reader, made)
        for header, value in (("X-Nonce", "another-one"), ("Content-Digest", "sha-256=:" + "A" * 43 + "=:")):
            request = httpx.Request("POST", older.request.url, headers={**older.request.headers, header: value})
            with pytest.raises(InvalidSignature):
                reader.verify(httpx.Response(201, headers=older.headers, content=older.content, request=request))
        for method, path in (("PUT", "acquire"), ("POST", "heartbeat")):
            request = httpx.Request(method, older.request.url.join(path), headers=older.request.headers)
            with pytest.raises(InvalidSignature):
                reader.verify(httpx.Response(201, headers=older.headers, content=older.content, request=request))

    def test_are_answers_to_a_body_that_was_exchanged(self, reader: Reader, made: Licensed) -> None:
        """One machine's seat for all of them: whoever stands in between asks in the name of another machine."""
        request = acquire(reader, made).request
        request = httpx.Request(
            "POST", request.url, headers={k: v for k, v in request.headers.items() if k != "content-length"},
            json={"license_key": made.license_key, "hardware_id": "machine-0002"},
        )  # fmt: skip
        answer = reader.http.send(request)
        assert answer.status_code == 201
        with pytest.raises(InvalidSignature, match="content-digest"):
            reader.verify(answer)
        reader.verify(answer, required=REQUIRED[:-1])

    @pytest.mark.parametrize("nonce", ["", "a b", "a,b", 'a"b', "a" * 129, "é".encode()])
    def test_is_no_nonce_that_could_not_be_covered_and_so_it_is_refused(
        self, reader: Reader, made: Licensed, nonce: Any
    ) -> None:
        answer = reader.http.get(f"/api/v1/licenses/{made.license_key}/status", headers={"X-Nonce": nonce})
        assert answer.status_code == 400
        assert "X-Nonce has 1 to 128 characters" in answer.json()["errors"][0]["detail"]
        with pytest.raises(InvalidSignature, match="x-nonce"):
            reader.verify(answer)
        reader.verify(answer, required=REQUIRED[:4])


class TestRecipe:
    """The example of docs/signed-answers.md, run as it stands there."""

    @pytest.fixture
    def recipe(self) -> dict[str, Any]:
        """Return what the example defines."""
        (source,) = re.findall(r"```python\n(.*?)```", RECIPE.read_text(), re.S)
        names: dict[str, Any] = {}
        exec(compile(source, str(RECIPE), "exec"), names)  # noqa: S102  (our own document)
        return names

    def test_tells_verdicts_from_a_proxys_page(self, web: Web, made: Licensed, recipe: dict[str, Any]) -> None:
        keys = recipe["trusted"](web.http.get("/.well-known/jwks.json").json())
        body = {"license_key": made.license_key, "hardware_id": MACHINE}
        status, seat = recipe["post"](web.url, "/api/v1/licenses/acquire", body, keys)
        assert (status, seat["max_seats"]) == (201, 3)
        token = {name: seat[name] for name in ("session_id", "signed_token")}
        assert recipe["post"](web.url, "/api/v1/licenses/heartbeat", token, keys)[0] == 200
        assert recipe["post"](web.url, "/api/v1/licenses/release", token, keys) == (204, None)
        status, refused = recipe["post"](web.url, "/api/v1/licenses/heartbeat", token, keys)
        assert (status, refused["errors"][0]["code"]) == (410, "session_expired")
        with portal() as url, pytest.raises(recipe["NotAVerdict"]):
            recipe["post"](url, "/api/v1/licenses/heartbeat", token, keys)
        with (
            portal(web.http.post("/api/v1/licenses/heartbeat", json=token)) as url,
            pytest.raises(recipe["NotAVerdict"]),
        ):
            recipe["post"](url, "/api/v1/licenses/heartbeat", token, keys)
        with pytest.raises(recipe["NotAVerdict"]):
            recipe["post"](web.url, "/api/v1/licenses/validate", body, {})


@contextmanager
def portal(replayed: httpx.Response | None = None) -> Iterator[str]:
    """Serve a login page with 403 to whoever asks, or an answer that was heard before; yields the address."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = replayed.content if replayed else b"<html>Please sign in to our network.</html>"
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(replayed.status_code if replayed else 403)
            for name, value in (replayed.headers if replayed else {"Content-Type": "text/html"}).items():
                if name.lower() not in {"content-length", "date", "server"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestRotation:
    def test_of_the_key_leaves_no_answer_unverified(self, reader: Reader, made: Licensed) -> None:
        def kid() -> Any:
            return reader.verify(beat(reader, seat)).parameters["keyid"]

        seat = acquire(reader, made).json()
        before = kid()
        call_command("rotate_keys", purpose="answers", lead=int(LEAST_LEAD.total_seconds()))
        wait_until(lambda: kid() != before, seconds=30)
