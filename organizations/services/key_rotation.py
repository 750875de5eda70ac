"""Rotation of data keys: wrapping them anew under another key-encryption key, and giving organizations new ones."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Max, Model, QuerySet
from django.db.models.functions import Now

from config.kernel import clock, key_encryption, platform_keys, reencryption, tasks
from config.kernel.cipher import CannotDecrypt
from config.kernel.key_encryption import files
from config.kernel.key_rotation import refuse_short
from config.kernel.tenancy import organization_context, system_context
from organizations.encrypted_text import EncryptedTextField, list_encrypted_fields
from organizations.errors import OrganizationNotFound
from organizations.models import DataKey, Organization, OrganizationStatus
from organizations.selectors import get_organization
from organizations.services import data_keys

logger = logging.getLogger(__name__)

LIFETIME = timedelta(days=365)
"""A key may encrypt 2^32 values (SP 800-38D, 8.3, for random nonces): a year at 136 values a second, day and night."""
BATCH = 200
PREFIX = 1 + files.ID_BYTES
"""The part of a wrapped key that names what wrapped it."""
_FIRST = UUID(int=0)


def new_key_encryption_key(*, lead: timedelta) -> Path | None:
    """Write a new key-encryption key that wraps after `lead`; return its path, or None where Google rotates it.

    Raises LeadTooShort, OSError.
    """
    if settings.KEY_ENCRYPTION_PROVIDER != "files":
        return None
    refuse_short(lead)
    return files.create(lead=lead)


def prune_key_encryption_keys() -> list[Path]:
    """Remove the key-encryption keys that wrap nothing, neither here nor in a backup of keys; return their paths."""
    with system_context(reason="find out which key-encryption keys are used"):
        used = {bytes(wrapped)[:PREFIX] for wrapped in DataKey.objects.values_list("wrapped_key", flat=True)}
    used |= {wrapped[:PREFIX] for wrapped in platform_keys.list_wrapped()}
    # A backup taken while the old key wrapped is kept for so long, and a day lies between the two for the worker.
    before = clock.now() - timedelta(days=settings.KEY_BACKUP_DAYS + 1)
    removed = []
    for key, successor in pairwise(files.keys()):
        if successor.file.not_before < before and key_encryption.FILE_LETTER + key.id not in used:
            key.file.path.unlink()
            removed.append(key.file.path)
    return removed


def rewrap() -> tuple[int, int]:
    """Wrap every data key anew that the newest key-encryption key does not wrap; return how many, and how many failed.

    May be stopped and run again at any time. Raises KeyEncryptionUnavailable.
    """
    done, failed = platform_keys.rewrap(), 0
    for row in _all_keys():
        old = bytes(row.wrapped_key)
        try:
            new = key_encryption.rewrap(old, str(row.organization_id), str(row.version))
        except CannotDecrypt:
            logger.exception("the data key %s does not open", row)
            failed += 1
            continue
        if new is not None:
            with system_context(reason="wrap a data key anew"):
                done += DataKey.objects.filter(id=row.id, wrapped_key=old).update(wrapped_key=new)
    return done, failed


def begin_version(*, organization_id: UUID) -> None:
    """Give an organization a new data key for what is written from now on; a job encrypts the rest anew.

    Raises OrganizationNotFound, also for one that is closed; KeyEncryptionUnavailable.
    """
    with organization_context(organization_id):
        # Locked, so that it cannot be closed, and its keys destroyed, in between.
        organization = get_organization(organization_id=organization_id, lock=True)
        if organization.status == OrganizationStatus.CLOSED:
            raise OrganizationNotFound
        newest = DataKey.objects.aggregate(version=Max("version"))["version"] or 0
        data_keys.create(organization_id=organization_id, version=newest + 1)
        tasks.enqueue("organizations.reencrypt", organization_id=organization_id)


def replace_old(*, most: int = 100) -> int:
    """Give a new data key to the platform and to organizations whose newest is older than LIFETIME.

    Run every hour; `most` spreads the work when many are due at once. Returns how many organizations were.
    """
    platform_keys.rotate_when_older(LIFETIME)
    with system_context(reason="find data keys that are due to be replaced"):
        newest = DataKey.objects.order_by().values("organization_id").annotate(made=Max("created_at"))
        due = [row["organization_id"] for row in newest.filter(made__lt=Now() - LIFETIME)[:most]]
    for organization_id in due:
        begin_version(organization_id=organization_id)
    return len(due)


def list_open_organizations() -> list[UUID]:
    """Return the ids of all organizations that are not closed."""
    with system_context(reason="rotate the data keys of every organization"):
        return list(Organization.objects.exclude(status=OrganizationStatus.CLOSED).values_list("id", flat=True))


def reencrypt(*, organization_id: UUID) -> int:
    """Encrypt under the newest key what an older one encrypts, then set aside the versions that nothing carries.

    Returns how many values were replaced. Run by the worker; running it again goes on where it ended.
    """
    with organization_context(organization_id):
        versions = sorted(DataKey.objects.values_list("version", flat=True))
    if len(versions) < 2:
        return 0
    done = sum(_reencrypt_field(organization_id, *field, newest=versions[-1]) for field in list_encrypted_fields())
    for version in versions[:-1]:
        _retire(organization_id, version)
    return done


def enqueue_unfinished() -> int:
    """Enqueue the job of every organization with more than one version of its key; return how many."""
    with system_context(reason="find organizations whose data key was rotated"):
        several = DataKey.objects.filter(version__gt=data_keys.FIRST_VERSION).order_by().values_list("organization_id")
        waiting = [organization_id for (organization_id,) in several.distinct()]
    for organization_id in waiting:
        with organization_context(organization_id):
            tasks.enqueue("organizations.reencrypt", organization_id=organization_id)
    return len(waiting)


def _reencrypt_field(organization_id: UUID, model: type[Model], field: EncryptedTextField, *, newest: int) -> int:
    def anew(row: Model, old: bytes) -> bytes:
        keys = data_keys.load()
        return keys.encrypt(
            field=field.field_id, row_id=row.pk, text=keys.decrypt(field=field.field_id, row_id=row.pk, blob=old)
        )

    rows = partial(_rows, model)
    return reencryption.reencrypt(rows, field.attname, newest=newest, anew=anew, within=_context(organization_id))


def _retire(organization_id: UUID, version: int) -> None:
    with organization_context(organization_id):
        carried = any(
            reencryption.is_carried(_rows(model), field.attname, version) for model, field in list_encrypted_fields()
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT retire_data_key(%s, %s, %s)", [organization_id, version, carried])


def _rows(model: type[Model]) -> QuerySet[Any]:
    return model._default_manager.all()


def _context(organization_id: UUID) -> Callable[[], Any]:
    return partial(organization_context, organization_id)


def _all_keys() -> Iterator[DataKey]:
    """Return every data key, a batch at a time, so that no transaction is open while a key's keeper is asked."""
    after = _FIRST
    while True:
        with system_context(reason="find data keys to wrap anew"):
            batch = list(DataKey.objects.filter(id__gt=after).order_by("id")[:BATCH])
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1].id
