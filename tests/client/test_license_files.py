"""Files of the real server, verified by the SDK with nothing but keys that it carries, and files that are none."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry
from rest_framework.test import APIClient

from coditect_license import (
    ClockSetBack,
    FileKind,
    FileNotGenuine,
    FileNotUsable,
    FileOfAnotherMachine,
    PinnedKeys,
    verify_license_file,
)
from config.kernel import keyring
from config.kernel.keyring import Purpose
from tests.api.issued import change, licensed
from tests.journey import Licensed

pytestmark = pytest.mark.usefixtures("db")

MACHINE = "machine-0001"
UNSIGNED = base64.urlsafe_b64encode(b'{"alg":"none","kid":"any","typ":"coditect-license+jws"}').decode().rstrip("=")


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a licence that ends in a month, two seats of which may be borrowed."""
    return licensed(access_policy="key", max_borrowed_seats=2, expires_at=datetime.now(UTC) + timedelta(days=30))


def carried() -> PinnedKeys:
    """Return the keys as a host carries them."""
    return PinnedKeys(keyring.public_jwks())


def download(made: Licensed) -> str:
    """Return the licence's file."""
    answer = made.customer.api.get(f"/api/v1/licenses/{made.license_id}/download/")
    assert answer.status_code == 200
    content: bytes = answer.content
    return content.decode()


def borrow(made: Licensed) -> str:
    """Return the file of a seat that this machine has borrowed for a week."""
    body = {"license_key": made.license_key, "hardware_id": MACHINE, "days": 7}
    answer = APIClient().post("/api/v1/licenses/borrow", body)
    assert answer.status_code in {200, 201}, answer.content
    return json.dumps(answer.json()["file"])


def resigned(*, header: dict[str, Any], payload: Any, key: Any = None) -> str:
    """Return a file with this header and payload, signed by our key or by another."""
    ours = keyring.keyring(Purpose.LICENSE_FILE).signing
    pem = (key or ours.private).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = jws.serialize_json(
        {"protected": {"kid": ours.kid, "alg": "PS256", "typ": FileKind.LICENSE.value} | header},
        json.dumps(payload).encode(),
        RSAKey.import_key(pem),
        registry=JWSRegistry(algorithms=["PS256", "RS256", "PS512"], strict_check_header=False),
    )
    return json.dumps(made)


def payload_of(file: str) -> dict[str, Any]:
    """Return what a file says, whoever signed it."""
    part = json.loads(file)["payload"]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return said


class TestLicenseFile:
    def test_says_what_was_bought_and_until_when(self, made: Licensed) -> None:
        file = verify_license_file(download(made), keys=carried())
        assert (file.kind, file.license_id, file.license_key) == (FileKind.LICENSE, made.license_id, made.license_key)
        assert (file.tier, file.max_seats, file.session_id) == ("starter", 3, None)
        assert file.ends_at is not None
        assert abs(file.ends_at - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)
        assert made.license_key not in repr(file)

    def test_ends_with_the_licence(self, made: Licensed) -> None:
        told = download(made)
        end = verify_license_file(told, keys=carried()).ends_at
        assert end is not None
        verify_license_file(told, keys=carried(), now=end - timedelta(seconds=1))
        with pytest.raises(FileNotUsable) as raised:
            verify_license_file(told, keys=carried(), now=end)
        assert raised.value.code == "file_expired"

    def test_of_a_licence_in_grace_ends_with_the_grace(self, made: Licensed) -> None:
        ends_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
        change(made, status="suspended", suspension_reason="billing", grace_period_ends_at=ends_at)
        assert verify_license_file(download(made), keys=carried()).ends_at == ends_at

    @pytest.mark.parametrize(
        "standing", [{"status": "suspended", "suspension_reason": "admin"}, {"status": "inactive"}]
    )
    def test_of_a_licence_that_was_not_usable_is_not_either(self, made: Licensed, standing: dict[str, Any]) -> None:
        payload = payload_of(download(made)) | {"status": standing["status"], "grace_period_ends_at": None}
        with pytest.raises(FileNotUsable):
            verify_license_file(resigned(header={}, payload=payload), keys=carried())


class TestBorrowedSeat:
    def test_is_for_its_machine_and_its_days(self, made: Licensed) -> None:
        told = borrow(made)
        file = verify_license_file(told, keys=carried(), hardware_id=MACHINE)
        assert (file.kind, file.license_id) == (FileKind.BORROWED_SEAT, made.license_id)
        assert file.session_id
        assert file.ends_at is not None
        assert abs(file.ends_at - file.begins_at - timedelta(days=7)) < timedelta(minutes=1)
        with pytest.raises(FileNotUsable):
            verify_license_file(told, keys=carried(), hardware_id=MACHINE, now=file.ends_at)

    @pytest.mark.parametrize("machine", ["machine-0002", None])
    def test_is_for_no_other_machine(self, made: Licensed, machine: str | None) -> None:
        with pytest.raises(FileOfAnotherMachine):
            verify_license_file(borrow(made), keys=carried(), hardware_id=machine)


class TestClock:
    def test_that_was_set_back_is_noticed_by_the_latest_time_seen(self, made: Licensed) -> None:
        now = datetime.now(UTC)
        with pytest.raises(ClockSetBack):
            verify_license_file(download(made), keys=carried(), now=now, latest_seen=now + timedelta(minutes=6))

    def test_that_is_a_little_wrong_lengthens_nothing(self, made: Licensed) -> None:
        told = download(made)
        end = verify_license_file(told, keys=carried()).ends_at
        assert end is not None
        with pytest.raises(FileNotUsable):
            verify_license_file(told, keys=carried(), now=end - timedelta(minutes=1), latest_seen=end)

    def test_from_before_the_file_began_is_no_clock_to_go_by(self, made: Licensed) -> None:
        with pytest.raises(FileNotUsable) as raised:
            verify_license_file(download(made), keys=carried(), now=datetime(2020, 1, 1, tzinfo=UTC))
        assert raised.value.code == "file_not_yet_valid"


class TestForgery:
    @pytest.mark.parametrize(
        "forge",
        [
            pytest.param(lambda file: "", id="nothing"),
            pytest.param(lambda file: "[]", id="something else"),
            pytest.param(lambda file: json.dumps(json.loads(file) | {"payload": "e30"}), id="another payload"),
            pytest.param(lambda file: json.dumps(json.loads(file) | {"signature": ""}), id="no signature"),
            pytest.param(lambda file: json.dumps(json.loads(file) | {"protected": "e30"}), id="no header"),
            pytest.param(
                lambda file: json.dumps(json.loads(file) | {"protected": UNSIGNED, "signature": ""}),
                id="no algorithm",
            ),
            pytest.param(lambda file: resigned(header={"kid": "another"}, payload=payload_of(file)), id="unknown key"),
            pytest.param(lambda file: resigned(header={"alg": "RS256"}, payload=payload_of(file)), id="RS256"),
            pytest.param(lambda file: resigned(header={"alg": "PS512"}, payload=payload_of(file)), id="PS512"),
            pytest.param(lambda file: resigned(header={"typ": "JWT"}, payload=payload_of(file)), id="another kind"),
            pytest.param(lambda file: resigned(header={}, payload=[]), id="no object"),
            pytest.param(lambda file: resigned(header={}, payload={}), id="an empty one"),
            pytest.param(
                lambda file: resigned(header={}, payload=payload_of(file), key=generate_private_key(65537, 2048)),
                id="another's key",
            ),
        ],
    )
    def test_is_not_genuine(self, made: Licensed, forge: Callable[[str], str]) -> None:
        with pytest.raises(FileNotGenuine):
            verify_license_file(forge(download(made)), keys=carried())

    def test_by_resigning_is_what_these_tests_would_notice(self, made: Licensed) -> None:
        genuine = resigned(header={}, payload=payload_of(download(made)))
        assert verify_license_file(genuine, keys=carried()).license_id == made.license_id

    def test_with_a_key_that_is_too_short_finds_none(self) -> None:
        jwk = {"kty": "RSA", "kid": "short", "n": base64.urlsafe_b64encode(b"\xff" * 128).decode(), "e": "AQAB"}
        assert PinnedKeys({"keys": [jwk]}).find_for_files("short") is None
