"""Backups of the wrapped data keys, apart from those of the data and kept for days only.

A dump without the keys is readable with them alone. So when an organization is closed, and its key destroyed, older
dumps cannot be read any more once the last backup of keys that still has it is gone.
"""

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from config.kernel import clock, key_files, platform_keys
from config.kernel.tenancy import system_context
from organizations.models import DataKey, Organization, OrganizationStatus

SUFFIX = ".backup"


@dataclass(frozen=True)
class Restored:
    """What a restore did; `closed` names organizations that are open here and were closed after the dump was taken."""

    keys: int
    closed: list[UUID]


def back_up(*, folder: Path) -> Path:
    """Write every wrapped key, as it is stored, to a new file of the folder; return its path.

    The ids of closed organizations go with them, so that a restore knows whose keys must not come back.
    """
    with system_context(reason="back up the wrapped data keys"):
        keys = [_of_row(row) for row in DataKey.objects.order_by("id")]
        closed = [str(one) for one in _closed_here()]
    content = {"platform": platform_keys.export(), "organizations": keys, "closed": closed}
    return key_files.write(folder, SUFFIX, json.dumps(content).encode())


def prune(*, folder: Path) -> list[Path]:
    """Remove the backups that are older than KEY_BACKUP_DAYS; return their paths."""
    oldest = clock.now() - timedelta(days=settings.KEY_BACKUP_DAYS)
    old = [file.path for file in key_files.list_files(folder, SUFFIX) if file.not_before < oldest]
    for path in old:
        path.unlink()
    return old


def restore(*, file: Path, replace_platform_key: bool = False) -> Restored:
    """Put back the keys of a backup that are missing here; those of closed organizations stay destroyed.

    Closed is what is closed here, in the backup, or in any later backup beside it. Raises ValueError for a file that is
    no backup, PlatformKeyDiffers.
    """
    content = _read(file)
    later = [_read(other.path) for other in key_files.list_files(file.parent, SUFFIX) if other.path.name > file.name]
    closed = {UUID(one) for backup in [content, *later] for one in backup["closed"]}
    restored = platform_keys.restore(content["platform"], replace=replace_platform_key)
    with system_context(reason="restore the wrapped data keys"):
        open_here = set(Organization.objects.exclude(id__in=_closed_here()).values_list("id", flat=True))
        present = set(DataKey.objects.values_list("organization_id", "version"))
        rows = [_to_row(facts) for facts in content["organizations"]]
        missing = [
            row
            for row in rows
            if row.organization_id in open_here - closed and (row.organization_id, row.version) not in present
        ]
        DataKey.objects.bulk_create(missing, ignore_conflicts=True)
    return Restored(keys=restored + len(missing), closed=sorted(open_here & closed))


def _closed_here() -> list[UUID]:
    return list(Organization.objects.filter(status=OrganizationStatus.CLOSED).values_list("id", flat=True))


def _of_row(row: DataKey) -> dict[str, Any]:
    wrapped = base64.b64encode(bytes(row.wrapped_key)).decode()
    return {"organization_id": str(row.organization_id), "version": row.version, "wrapped_key": wrapped}


def _to_row(facts: dict[str, Any]) -> DataKey:
    wrapped = base64.b64decode(facts["wrapped_key"])
    return DataKey(organization_id=UUID(facts["organization_id"]), version=facts["version"], wrapped_key=wrapped)


def _read(file: Path) -> dict[str, Any]:
    content = json.loads(file.read_bytes())
    if not isinstance(content, dict) or set(content) != {"platform", "organizations", "closed"}:
        raise ValueError(f"{file.name} is no backup of keys")
    return content
