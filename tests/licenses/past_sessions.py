"""Sessions of the past, written as rows: a beginning, the end of the lease, and how the session came to be closed."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from config.kernel.ids import new_id
from tests.concurrency.seated_license import SeatedLicense, owner_connection


@dataclass(frozen=True)
class Past:
    """A session: `closed` is when its row was closed (None: never), which may be after the lease had run out."""

    began: datetime
    expires: datetime
    closed: datetime | None = None

    @property
    def ended(self) -> datetime:
        """The instant its lease was over, if that has come."""
        return min(self.expires, self.closed or self.expires)


def at(text: str) -> datetime:
    """Return a moment, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def held(began: str, ended: str) -> Past:
    """Return a session that was given back."""
    return Past(at(began), at(ended), at(ended))


def write(license_: SeatedLicense, *sessions: Past, reason: str = "released") -> None:
    """Put sessions into the record, each of a machine of its own."""
    rows = [
        (
            new_id(), license_.organization_id, license_.id, hashlib.sha256(new_id().bytes).digest(),
            one.began, one.began, one.expires, one.closed, reason if one.closed else "",
        )
        for one in sessions
    ]  # fmt: skip
    with owner_connection() as owner, owner.cursor() as cursor:
        cursor.executemany(
            "insert into licenses_licensesession (id, organization_id, license_id, hardware_hash, lease_no, sequence, "
            "acquired_at, last_heartbeat_at, expires_at, ended_at, end_reason) "
            "values (%s, %s, %s, %s, 1, 1, %s, %s, %s, %s, %s)",
            rows,
        )
