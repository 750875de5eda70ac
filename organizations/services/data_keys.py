"""Encrypts an organization's sensitive values with its own data key (envelope encryption)."""

from uuid import UUID

from django.db import connection

from config.kernel import cipher, key_encryption
from config.kernel.tenancy import current_organization_id, memory_of_this_unit
from organizations.models import DataKey

FIRST_VERSION = 1
VERSION_BYTES = 4
_MEMORY = "data_keys"


class DataKeys:
    """The data keys of one organization; lives no longer than the unit of work that loaded it."""

    def __init__(self, organization_id: UUID) -> None:
        self._organization = str(organization_id)
        self._wrapped = self._read()

    def encrypt(self, *, field: str, row_id: UUID, text: str) -> bytes:
        """Return `text` encrypted under the newest key for one field of one row, led by the key's version.

        `field` is a stable name (`license.key`), not a column's, so that a rename does not lock the data out. Raises
        CannotDecrypt when the keys are destroyed, KeyEncryptionUnavailable.
        """
        version = self.newest()
        blob = cipher.encrypt(self._open(version), text.encode(), self._organization, field, str(row_id), str(version))
        return version.to_bytes(VERSION_BYTES, "big") + blob

    def decrypt(self, *, field: str, row_id: UUID, blob: bytes) -> str:
        """Return the text of `encrypt`; raises CannotDecrypt for another organization's, field's or row's.

        Also raises KeyEncryptionUnavailable.
        """
        version = int.from_bytes(blob[:VERSION_BYTES], "big")
        context = (self._organization, field, str(row_id), str(version))
        return cipher.decrypt(self._open(version), blob[VERSION_BYTES:], *context).decode()

    def newest(self) -> int:
        """Return the version that new values are encrypted under; raises CannotDecrypt when there is none."""
        if not self._wrapped:
            raise cipher.CannotDecrypt("the organization has no data key")
        return max(self._wrapped)

    def _open(self, version: int) -> bytes:
        if version not in self._wrapped:
            # A value may have been encrypted anew, under a version made since the keys were read.
            self._wrapped = self._read()
        if version not in self._wrapped:
            raise cipher.CannotDecrypt("there is no such data key")
        return key_encryption.unwrap(self._wrapped[version], self._organization, str(version))

    def _read(self) -> dict[int, bytes]:
        rows = DataKey.objects.filter(organization_id=self._organization).order_by("version")
        return {row.version: bytes(row.wrapped_key) for row in rows}


def load() -> DataKeys:
    """Return the current organization's data keys; one query in a unit of work, however often it is called."""
    memory = memory_of_this_unit()
    if _MEMORY not in memory:
        memory[_MEMORY] = DataKeys(current_organization_id())
    keys: DataKeys = memory[_MEMORY]
    return keys


def create(*, organization_id: UUID, version: int = FIRST_VERSION) -> None:
    """Make a version of the organization's data key, the first one in the transaction that makes the organization.

    Raises KeyEncryptionUnavailable.
    """
    wrapped = key_encryption.wrap(cipher.new_key(), str(organization_id), str(version))
    DataKey.objects.create(organization_id=organization_id, version=version, wrapped_key=wrapped)
    memory_of_this_unit().pop(_MEMORY, None)


def destroy(*, organization_id: UUID) -> None:
    """Destroy every data key of an organization that is closed: what they encrypted cannot be read again.

    No serving role may delete keys; the function `destroy_data_keys` may, and only those of a closed organization.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT destroy_data_keys(%s)", [organization_id])
    memory_of_this_unit().pop(_MEMORY, None)
    key_encryption.forget(str(organization_id))
