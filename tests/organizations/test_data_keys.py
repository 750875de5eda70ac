"""An organization's sensitive values open with its own key, in their own place, and nowhere else."""

from uuid import UUID

import pytest

from config.kernel.envelope import CannotDecrypt
from config.kernel.ids import new_id
from config.kernel.tenancy import NoOrganizationContext, organization_context
from organizations.services import data_keys
from tests import journey
from tests.api.beneath import as_owner

pytestmark = pytest.mark.usefixtures("db")

FIELD, ROW = "license.key", new_id()


@pytest.fixture
def ids(db: None) -> tuple[UUID, UUID]:
    """Return the ids of two organizations."""
    return UUID(journey.sign_up().organization_id), UUID(journey.sign_up().organization_id)


def encrypt(organization_id: UUID, text: str = "CODITECT") -> bytes:
    """Encrypt with an organization's key."""
    with organization_context(organization_id):
        return data_keys.load().encrypt(field=FIELD, row_id=ROW, text=text)


def decrypt(organization_id: UUID, blob: bytes, *, field: str = FIELD, row_id: UUID = ROW) -> str:
    """Decrypt with an organization's key."""
    with organization_context(organization_id):
        return data_keys.load().decrypt(field=field, row_id=row_id, blob=blob)


class TestDataKeys:
    @pytest.mark.parametrize("text", ["", "CODITECT", "Ä愛👩‍💻\x00", "x" * 10_000])
    def test_give_back_what_was_encrypted(self, ids: tuple[UUID, UUID], text: str) -> None:
        assert decrypt(ids[0], encrypt(ids[0], text)) == text

    def test_never_give_the_same_ciphertext_twice(self, ids: tuple[UUID, UUID]) -> None:
        assert encrypt(ids[0]) != encrypt(ids[0])

    def test_open_nothing_of_another_organization_field_or_row(self, ids: tuple[UUID, UUID]) -> None:
        blob = encrypt(ids[0])
        with pytest.raises(CannotDecrypt):
            decrypt(ids[1], blob)
        with pytest.raises(CannotDecrypt):
            decrypt(ids[0], blob, field="license.other")
        with pytest.raises(CannotDecrypt):
            decrypt(ids[0], blob, row_id=new_id())

    def test_open_nothing_that_was_changed(self, ids: tuple[UUID, UUID]) -> None:
        blob = encrypt(ids[0])
        for at in range(len(blob)):
            with pytest.raises(CannotDecrypt):
                decrypt(ids[0], blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :])
        for short in (b"", blob[:4], blob[:5], blob[:20], blob[:-1]):
            with pytest.raises(CannotDecrypt):
                decrypt(ids[0], short)

    def test_of_another_organization_do_not_work_when_copied_over(self, ids: tuple[UUID, UUID]) -> None:
        as_owner(
            "update organizations_datakey a set wrapped_key = b.wrapped_key from organizations_datakey b "
            "where a.organization_id = %s and b.organization_id = %s",
            *ids,
        )
        with pytest.raises(CannotDecrypt):
            encrypt(ids[0])

    def test_are_read_in_a_context_only(self) -> None:
        with pytest.raises(NoOrganizationContext):
            data_keys.load()
