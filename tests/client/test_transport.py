"""What the SDK's transport takes for a verdict, for a refusal and for an outage; the answers are signed by our code."""

import base64
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coditect_license import errors
from coditect_license.keys import ASKED_AGAIN_AFTER_SECONDS, PinnedKeys
from coditect_license.transport import LARGEST_ANSWER_BYTES, Transport
from config.kernel import keyring
from tests.client.scripted_server import SIGNED_AT, URL, ScriptedServer, unreachable, unsigned

PATH = "/licenses/acquire"
SECRET = "CODITECT-SECR-ETSE-CRET-SECR-ETSE"
BODY = {"license_key": SECRET}


@pytest.fixture
def server() -> ScriptedServer:
    """Return a server without a script."""
    return ScriptedServer()


def transport(server: ScriptedServer, **options: Any) -> Transport:
    """Return what asks it."""
    options = {"keys": None, "now": lambda: 0.0, "timeout": 5.0, "open_http": server.open_http} | options
    return Transport(URL, **options)


class TestVerdict:
    def test_is_a_signed_consent_with_the_servers_time_and_ours(self, server: ScriptedServer) -> None:
        server.script = [server.signed(201, {"seats_used": 1})]
        told = transport(server, now=lambda: 7.0).ask(PATH, BODY)
        assert (told.status, told.content, told.signed_at, told.sent_at) == (201, {"seats_used": 1}, SIGNED_AT, 7.0)

    def test_may_have_no_content(self, server: ScriptedServer) -> None:
        server.script = [server.signed(204)]
        assert transport(server).ask(PATH, BODY).content == {}

    @pytest.mark.parametrize(
        ("status", "code", "failure"),
        [
            (400, "license_key_malformed", errors.LicenseUnknown),
            (401, "not_authenticated", errors.SignInRequired),
            (403, "license_suspended", errors.LicenseNotUsable),
            (403, "activation_limit_reached", errors.MachineRefused),
            (404, "license_not_found", errors.LicenseUnknown),
            (410, "session_expired", errors.SeatGone),
            (410, "session_taken_over", errors.SeatTakenOver),
            (403, "a_code_of_tomorrow", errors.Refused),
        ],
    )
    def test_is_a_signed_refusal_by_its_code(
        self, server: ScriptedServer, status: int, code: str, failure: type[errors.Refused]
    ) -> None:
        server.script = [server.refused(status, code)]
        with pytest.raises(errors.Refused) as raised:
            transport(server).ask(PATH, BODY)
        assert type(raised.value) is failure
        assert (raised.value.status, raised.value.code) == (status, code)
        assert raised.value.advice in str(raised.value)

    def test_that_no_seat_is_free_says_when_one_may_be(self, server: ScriptedServer) -> None:
        server.script = [server.refused(429, "no_seats_available", retry_after="17")]
        with pytest.raises(errors.NoSeatsAvailable) as raised:
            transport(server).ask(PATH, BODY)
        assert raised.value.retry_after == 17


class TestOutage:
    @pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 410, 429, 502])
    def test_is_whatever_is_not_signed(self, server: ScriptedServer, status: int) -> None:
        server.script = [unsigned(status)]
        with pytest.raises(errors.Outage):
            transport(server).ask(PATH, BODY)
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        ("status", "code"),
        [(413, "payload_too_large"), (429, "rate_limited"), (500, "error"), (503, "unavailable"), (405, "x")],
    )
    def test_is_a_server_that_says_nothing_about_the_licence(
        self, server: ScriptedServer, status: int, code: str
    ) -> None:
        server.script = [server.refused(status, code, retry_after="9")]
        with pytest.raises(errors.Outage) as raised:
            transport(server).ask(PATH, BODY)
        assert (raised.value.code, raised.value.retry_after) == (code, 9)

    def test_is_a_network_that_is_down(self, server: ScriptedServer) -> None:
        server.script = [unreachable]
        with pytest.raises(errors.Outage, match="ConnectError"):
            transport(server).ask(PATH, BODY)

    def test_is_an_answer_without_end(self, server: ScriptedServer) -> None:
        server.script = [unsigned(200, b"x" * (LARGEST_ANSWER_BYTES + 1))]
        with pytest.raises(errors.Outage, match="too long"):
            transport(server).ask(PATH, BODY)

    @pytest.mark.parametrize(
        "tamper",
        [
            pytest.param(lambda answer: setattr(answer, "status_code", 200), id="status"),
            pytest.param(lambda answer: setattr(answer, "_content", b'{"seats_used":9}'), id="content"),
            pytest.param(lambda answer: answer.headers.update({"Content-Type": "text/plain"}), id="content type"),
            pytest.param(
                lambda answer: answer.headers.update(
                    {"Signature-Input": answer.headers["Signature-Input"].replace("created=1", "created=2")}
                ),
                id="time",
            ),
            pytest.param(
                lambda answer: answer.headers.update({"Signature": answer.headers["Signature"] * 2}), id="signature"
            ),
            pytest.param(
                lambda answer: answer.headers.update(
                    {"Signature": f"{answer.headers['Signature']}, {answer.headers['Signature']}"}
                ),
                id="two of them",
            ),
            pytest.param(
                lambda answer: answer.headers.update(
                    {"Signature-Input": answer.headers["Signature-Input"].replace(' "x-nonce";req', "")}
                ),
                id="nonce not covered",
            ),
        ],
    )
    def test_is_an_answer_that_was_changed_on_its_way(
        self, server: ScriptedServer, tamper: Callable[[httpx.Response], None]
    ) -> None:
        def changed(request: httpx.Request) -> httpx.Response:
            answer = server.sign(request, 201, {"seats_used": 1}, {})
            tamper(answer)
            return answer

        server.script = [changed]
        with pytest.raises(errors.Outage):
            transport(server).ask(PATH, BODY)

    def test_is_an_answer_to_an_earlier_question(self, server: ScriptedServer) -> None:
        server.script = [server.signed(201, {"seats_used": 1})]
        asker = transport(server)
        asker.ask(PATH, BODY)
        older = server.sign(server.asked[0], 201, {"seats_used": 1}, {})
        server.script = [lambda request: older]
        with pytest.raises(errors.Outage):
            asker.ask(PATH, BODY)

    def test_is_an_answer_to_what_somebody_else_asked_in_our_name(self, server: ScriptedServer) -> None:
        def exchanged(request: httpx.Request) -> httpx.Response:
            other = httpx.Request("POST", request.url, headers=request.headers)
            other.headers["Content-Digest"] = "sha-256=:" + "A" * 43 + "=:"
            return server.sign(other, 201, {"seats_used": 1}, {})

        server.script = [exchanged]
        with pytest.raises(errors.Outage):
            transport(server).ask(PATH, BODY)


class TestKeys:
    def test_may_be_the_hosts_own_and_then_nothing_is_fetched(self, server: ScriptedServer) -> None:
        server.script = [server.signed(204)]
        transport(server, keys=PinnedKeys(keyring.public_jwks())).ask(PATH, BODY)
        assert server.keys_fetched == 0

    def test_of_others_are_not_believed(self, server: ScriptedServer) -> None:
        raw = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        (named,) = [key["kid"] for key in [keyring.keyring(keyring.Purpose.ANSWER).signing.public_jwk]]
        x = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        pinned = PinnedKeys({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": named, "x": x}]})
        server.script = [server.signed(204)]
        with pytest.raises(errors.Outage, match="does not fit"):
            transport(server, keys=pinned).ask(PATH, BODY)

    def test_that_cannot_be_fetched_are_an_outage_until_they_can(self, server: ScriptedServer) -> None:
        server.script = [server.signed(204)]
        server.published = False
        asker = transport(server)
        with pytest.raises(errors.Outage, match="keys"):
            asker.ask(PATH, BODY)
        server.published = True
        asker.ask(PATH, BODY)
        asker.ask(PATH, BODY)
        assert server.keys_fetched == 2

    def test_are_fetched_again_for_an_unknown_id_but_not_more_often_than_once_a_minute(
        self, server: ScriptedServer
    ) -> None:
        def by_unknown_key(request: httpx.Request) -> httpx.Response:
            answer = server.sign(request, 204, None, {})
            answer.headers["Signature-Input"] = answer.headers["Signature-Input"].replace('keyid="', 'keyid="another-')
            return answer

        clock = [0.0]
        server.script = [by_unknown_key]
        asker = transport(server, now=lambda: clock[0])
        for _ in range(3):
            with pytest.raises(errors.Outage, match="not one that is trusted"):
                asker.ask(PATH, BODY)
        assert server.keys_fetched == 1
        clock[0] = ASKED_AGAIN_AFTER_SECONDS
        with pytest.raises(errors.Outage):
            asker.ask(PATH, BODY)
        assert server.keys_fetched == 2

    @pytest.mark.parametrize(
        "jwks", [{}, {"keys": None}, {"keys": [1, {}, {"kty": "OKP", "crv": "Ed25519", "x": "é"}]}]
    )
    def test_in_a_document_of_another_shape_are_none(self, jwks: dict[str, Any]) -> None:
        assert PinnedKeys(jwks).find("any") is None


class TestSecrets:
    def test_are_in_no_log_no_representation_and_no_failure(
        self, server: ScriptedServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        server.script = [server.refused(403, "license_suspended"), unreachable, unsigned(403)]
        asker = transport(server)
        told = [repr(asker)]
        for _ in server.script:
            with pytest.raises(errors.LicensingError) as raised:
                asker.ask(PATH, BODY, bearer=SECRET)
            told += [str(raised.value), repr(raised.value)]
        assert SECRET not in "".join([*told, caplog.text])

    @pytest.mark.parametrize("url", ["http://licences.example", "ftp://127.0.0.1", "licences.example", "https://"])
    def test_are_sent_by_tls_only_unless_to_this_machine(self, url: str) -> None:
        with pytest.raises(ValueError, match="https"):
            Transport(url, keys=None, now=lambda: 0.0, timeout=1.0)
        for loopback in ("http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000/"):
            assert Transport(loopback, keys=None, now=lambda: 0.0, timeout=1.0).url == loopback.rstrip("/")
