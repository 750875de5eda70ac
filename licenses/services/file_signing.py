"""Signs licence files, and writes down by which key first, so that the key outlives every file that it signed."""

from datetime import datetime

from config.kernel.keyring import Purpose, SigningKey, keyring
from licenses import files
from licenses.models import License, SignedFile
from licenses.selectors import LicenseDetail


def sign(*, detail: LicenseDetail) -> str:
    """Return the signed file of a licence as JSON text; inside the licence's organization."""
    return files.sign(detail, key_until(license_=detail.license, end=_end(detail.license)))


def key_until(*, license_: License, end: datetime | None) -> SigningKey:
    """Return the key for a file of the licence that is good until `end`, written down; inside its organization."""
    key = keyring(Purpose.LICENSE_FILE).signing
    _remember(license_, key.kid, end=end)
    return key


def _remember(license_: License, kid: str, *, end: datetime | None) -> None:
    """Keep the latest end of this key's files of the licence; a file that says nothing new costs one read."""
    known = SignedFile.objects.filter(license=license_, kid=kid)
    found = known.first()
    if found is None:
        row = SignedFile(organization_id=license_.organization_id, license=license_, kid=kid, valid_until=end)
        SignedFile.objects.bulk_create([row], ignore_conflicts=True)
    elif found.valid_until is None or (end is not None and end <= found.valid_until):
        return
    # Others may sign files of this licence at the same moment: an end only ever moves away.
    earlier = known.exclude(valid_until=None) if end is None else known.filter(valid_until__lt=end)
    earlier.update(valid_until=end)


def _end(license_: License) -> datetime | None:
    if license_.expires_at is None:
        return None
    return max(license_.expires_at, license_.grace_period_ends_at or license_.expires_at)
