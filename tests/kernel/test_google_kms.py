"""Data keys wrapped by Google Cloud KMS: Google's own client against a strict stand-in at its HTTP edge."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from config.kernel import key_encryption
from config.kernel.cipher import CannotDecrypt, new_key
from config.kernel.key_encryption.interface import KeyEncryptionUnavailable
from tests.api.issued import licensed
from tests.journey import PASSWORD
from tests.kernel.kms_server import KEY, OTHER_KEY, UNIVERSE, KmsServer, kms_server

CONTEXT = ("organization", "1")


@pytest.fixture
def kms(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[KmsServer]:
    """Keep key-encryption keys at a stand-in, as a service account that may use them; memories are empty."""
    with kms_server() as server:
        account = tmp_path / "account.json"
        account.write_text(server.credentials())
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        monkeypatch.setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", UNIVERSE)
        settings.KEY_ENCRYPTION_PROVIDER = "google_kms"
        settings.GOOGLE_KMS_KEYS = [KEY]
        settings.GOOGLE_KMS_API_BASE = server.url
        forget()
        yield server
        forget()


def forget() -> None:
    """Begin like a new process: nothing opened, no client made."""
    key_encryption._opened.clear()
    key_encryption._keeper.cache_clear()


class TestGoogleKeeper:
    def test_opens_what_it_wrapped_and_asks_once(self, kms: KmsServer) -> None:
        data_key = new_key()
        wrapped = key_encryption.wrap(data_key, *CONTEXT)
        assert data_key not in wrapped
        key_encryption.forget("organization")
        assert [key_encryption.unwrap(wrapped, *CONTEXT) for _ in range(3)] == [data_key] * 3
        assert kms.asked == ["encrypt", "decrypt"]

    def test_opens_nothing_for_another_owner_nor_what_was_changed(self, kms: KmsServer) -> None:
        wrapped = key_encryption.wrap(new_key(), *CONTEXT)
        with pytest.raises(CannotDecrypt):
            key_encryption.unwrap(wrapped, "other", "1")
        for at in (0, 1, 9, len(wrapped) - 1):
            with pytest.raises(CannotDecrypt):
                key_encryption.unwrap(wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :], *CONTEXT)

    @pytest.mark.parametrize("status", [403, 404, 429, 503])
    def test_is_unavailable_when_google_refuses(self, kms: KmsServer, status: int) -> None:
        wrapped = key_encryption.wrap(new_key(), *CONTEXT)
        forget()
        kms.answer_with = [status]
        with pytest.raises(KeyEncryptionUnavailable) as told:
            key_encryption.unwrap(wrapped, *CONTEXT)
        assert told.value.retry_after is not None

    def test_asks_again_when_google_is_busy_for_a_moment(self, kms: KmsServer) -> None:
        kms.answer_with = [503, 429, 200]
        data_key = new_key()
        wrapped = key_encryption.wrap(data_key, *CONTEXT)
        forget()
        assert key_encryption.unwrap(wrapped, *CONTEXT) == data_key

    @pytest.mark.parametrize("member", ["ciphertext", "ciphertextCrc32c"])
    def test_takes_no_ciphertext_that_was_damaged_on_the_way(self, kms: KmsServer, member: str) -> None:
        kms.damage = member
        with pytest.raises(KeyEncryptionUnavailable):
            key_encryption.wrap(new_key(), *CONTEXT)

    @pytest.mark.parametrize("member", ["plaintext", "plaintextCrc32c"])
    def test_takes_no_data_key_that_was_damaged_on_the_way(self, kms: KmsServer, member: str) -> None:
        wrapped = key_encryption.wrap(new_key(), *CONTEXT)
        forget()
        kms.damage = member
        with pytest.raises(KeyEncryptionUnavailable):
            key_encryption.unwrap(wrapped, *CONTEXT)

    @pytest.mark.parametrize("member", ["verifiedPlaintextCrc32c", "verifiedAdditionalAuthenticatedDataCrc32c"])
    def test_wants_to_hear_that_google_checked_what_arrived(self, kms: KmsServer, member: str) -> None:
        kms.leave_out = member
        with pytest.raises(KeyEncryptionUnavailable):
            key_encryption.wrap(new_key(), *CONTEXT)

    def test_is_unavailable_when_nobody_answers(self, kms: KmsServer) -> None:
        kms.hang_seconds = 2.5
        with pytest.raises(KeyEncryptionUnavailable):
            key_encryption.wrap(new_key(), *CONTEXT)
        asked = len(kms.asked)
        with pytest.raises(KeyEncryptionUnavailable):
            key_encryption.wrap(new_key(), *CONTEXT)
        assert len(kms.asked) == asked, "for a second nobody else waits for it"

    def test_wraps_anew_what_an_older_version_or_key_wraps(self, kms: KmsServer, settings: Any) -> None:
        data_key = new_key()
        wrapped = key_encryption.wrap(data_key, *CONTEXT)
        assert key_encryption.rewrap(wrapped, *CONTEXT) is None
        kms.add_version(KEY)
        newer = key_encryption.rewrap(wrapped, *CONTEXT)
        assert newer is not None
        kms.add_version(OTHER_KEY)
        settings.GOOGLE_KMS_KEYS = [OTHER_KEY, KEY]
        forget()
        newest = key_encryption.rewrap(newer, *CONTEXT)
        assert newest is not None
        settings.GOOGLE_KMS_KEYS = [OTHER_KEY]
        forget()
        assert key_encryption.unwrap(newest, *CONTEXT) == data_key
        with pytest.raises(CannotDecrypt):
            key_encryption.unwrap(newer, *CONTEXT)

    def test_takes_over_from_files(self, kms: KmsServer, settings: Any) -> None:
        data_key = new_key()
        settings.KEY_ENCRYPTION_PROVIDER = "files"
        wrapped = key_encryption.wrap(data_key, *CONTEXT)
        settings.KEY_ENCRYPTION_PROVIDER = "google_kms"
        forget()
        assert key_encryption.unwrap(wrapped, *CONTEXT) == data_key
        taken_over = key_encryption.rewrap(wrapped, *CONTEXT)
        assert taken_over is not None
        forget()
        assert key_encryption.unwrap(taken_over, *CONTEXT) == data_key
        assert kms.asked == ["encrypt", "decrypt"]


@pytest.mark.usefixtures("db")
class TestRequests:
    def test_are_asked_to_come_back_while_google_is_down(self, kms: KmsServer) -> None:
        made = licensed()
        path = f"/api/v1/licenses/{made.license_id}"
        kms.answer_with = [503]
        assert made.customer.api.get(path).json()["license_key"] == made.license_key, "its key is remembered"
        key_encryption._opened.clear()
        made.customer.api.raise_request_exception = False
        answer = made.customer.api.get(path)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "service_unavailable")
        assert int(answer.headers["Retry-After"]) > 0

    def test_leave_nothing_behind_when_no_key_can_be_made(self, kms: KmsServer) -> None:
        body = {"email": "ada@example.com", "password": PASSWORD, "full_name": "Ada", "company_name": "Engines"}
        kms.answer_with = [403]
        assert APIClient(raise_request_exception=False).post("/api/v1/auth/register", body).status_code == 503
        kms.answer_with = []
        forget()
        assert APIClient().post("/api/v1/auth/register", body).status_code == 201

    def test_ask_google_once_an_organization(self, kms: KmsServer) -> None:
        made = licensed()
        kms.asked.clear()
        forget()
        for _ in range(3):
            made.customer.api.get("/api/v1/licenses")
        assert kms.asked == ["decrypt"]
