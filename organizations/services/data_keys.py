"""Encrypts an organization's sensitive values with its own data key (envelope encryption)."""

from uuid import UUID

from django.db import connection

from config.kernel import envelope
from config.kernel.tenancy import current_organization_id
from organizations.models import DataKey, Organization

FIRST_VERSION = 1
_VERSION_BYTES = 4


class DataKeys:
    """The data keys of one organization, opened; lives no longer than the unit of work that loaded it."""

    def __init__(self, organization_id: UUID, keys: dict[int, bytes]) -> None:
        self._organization = str(organization_id)
        self._keys = keys

    def encrypt(self, *, field: str, row_id: UUID, text: str) -> bytes:
        """Return `text` encrypted under the newest key for one field of one row, led by the key's version.

        `field` is a stable name (`license.key`), not a column's, so that a rename does not lock the data out.
        """
        version = max(self._keys)
        blob = envelope.encrypt(self._keys[version], text.encode(), self._organization, field, str(row_id))
        return version.to_bytes(_VERSION_BYTES, "big") + blob

    def decrypt(self, *, field: str, row_id: UUID, blob: bytes) -> str:
        """Return the text of `encrypt`; raises envelope.CannotDecrypt for another organization's, field's or row's."""
        key = self._keys.get(int.from_bytes(blob[:_VERSION_BYTES], "big"))
        if key is None:
            raise envelope.CannotDecrypt("there is no such data key")
        return envelope.decrypt(key, blob[_VERSION_BYTES:], self._organization, field, str(row_id)).decode()


def load() -> DataKeys:
    """Return the current organization's data keys, opened; one query. Raises envelope.CannotDecrypt."""
    organization_id = current_organization_id()
    return DataKeys(
        organization_id,
        {
            row.version: envelope.unwrap(bytes(row.wrapped_key), str(organization_id), str(row.version))
            for row in DataKey.objects.filter(organization_id=organization_id)
        },
    )


def create(*, organization: Organization) -> None:
    """Make the organization's first data key; in the transaction that makes the organization."""
    DataKey.objects.create(
        organization=organization,
        version=FIRST_VERSION,
        wrapped_key=envelope.wrap(envelope.new_data_key(), str(organization.id), str(FIRST_VERSION)),
    )


def destroy(*, organization_id: UUID) -> None:
    """Destroy every data key of an organization that is closed: what they encrypted cannot be read again.

    No serving role may delete keys; the function `destroy_data_keys` may, and only those of a closed organization.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT destroy_data_keys(%s)", [organization_id])
