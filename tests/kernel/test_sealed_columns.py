"""Short secrets of the platform: every column of them is known, and the key beneath them can be rotated."""

from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db.models import BinaryField

from config.kernel import envelope, platform_keys, sealed_columns
from config.kernel.cipher import CannotDecrypt
from config.kernel.ids import new_id
from config.kernel.models import IdempotentRequest, PlatformKey
from config.kernel.sealed_columns import SEALED_COLUMNS
from config.kernel.tenancy import organization_context, system_context
from emails.catalogue import EmailKind
from emails.models import EmailLog
from emails.services import outbox
from organizations.encrypted_text import EncryptedTextField
from tests import journey
from tests.api.beneath import as_owner
from tests.jobs import as_role

WRAPPED_KEYS = {"kernel.PlatformKey.wrapped_key", "organizations.DataKey.wrapped_key"}
"""Wrapped by the key-encryption key itself; `rotate_keys --data-keys` wraps them anew."""
PUBLIC = {"users.AuditCheckpoint.signature"}
HASH_BYTES = 32


class TestRegistry:
    def test_names_every_column_that_may_be_encrypted(self) -> None:
        """A column of bytes is a hash of 32 bytes, an encrypted text, a wrapped key, public, or is listed."""
        ours = [
            model for model in apps.get_models() if model.__module__.split(".")[0] not in ("django", "procrastinate")
        ]
        encrypted = {
            f"{model._meta.label}.{field.name}"
            for model in ours
            for field in model._meta.local_fields
            if isinstance(field, BinaryField)
            and not isinstance(field, EncryptedTextField)
            and field.max_length != HASH_BYTES
        }
        assert encrypted == WRAPPED_KEYS | PUBLIC | {f"{column.model}.{column.column}" for column in SEALED_COLUMNS}


@pytest.fixture
def rotated(db: None) -> Any:
    """Put the platform's key back after the test: it is made once, by bootstrap, and other processes know it."""
    ((row_id, wrapped, created_at),) = as_owner("select id, wrapped_key, created_at from kernel_platformkey")
    yield
    as_owner("delete from kernel_platformkey")
    as_owner(
        "insert into kernel_platformkey (id, version, wrapped_key, created_at) values (%s, 1, %s, %s)",
        row_id,
        wrapped,
        created_at,
    )
    platform_keys.reread()


def remember(text: bytes) -> UUID:
    """Keep an answer, as a request with an Idempotency-Key does."""
    row_id = new_id()
    IdempotentRequest.objects.create(
        id=row_id,
        caller_key=row_id.bytes * 2,
        body_hash=b"",
        answer=envelope.wrap(text, "idempotency", str(row_id)),
        held_until="2026-01-01T00:00:00Z",
    )
    return row_id


def answer(row_id: UUID) -> bytes:
    """Return what is kept, as it is stored."""
    stored = IdempotentRequest.objects.get(id=row_id).answer
    assert stored is not None
    return bytes(stored)


def versions() -> list[int]:
    """Return the versions of the platform's key that there are."""
    with system_context(reason="test"):
        return list(PlatformKey.objects.values_list("version", flat=True))


def tend() -> int:
    """Do what the worker does every hour."""
    with as_role("worker"):
        return sealed_columns.reencrypt()


@pytest.mark.usefixtures("rotated")
class TestRotation:
    def test_encrypts_every_column_anew_where_it_lies(self) -> None:
        organization_id = UUID(journey.sign_up().organization_id)
        with organization_context(organization_id):
            outbox.queue(organization_id=organization_id, kind=EmailKind.PASSWORD_CHANGED, recipient="ada@example.com",
                         dedup_key="once", data={"full_name": "mailed"})  # fmt: skip
        row_id = remember(b"remembered")
        platform_keys.rotate()
        assert tend() >= 2
        assert envelope.key_version(answer(row_id)) == 2
        assert envelope.unwrap(answer(row_id), "idempotency", str(row_id)) == b"remembered"
        with organization_context(organization_id):
            email = EmailLog.objects.get(dedup_key="once")
        assert envelope.key_version(bytes(email.data or b"")) == 2
        context = (str(organization_id), "email.data", str(email.id))
        assert b"mailed" in envelope.unwrap(bytes(email.data or b""), *context)
        assert tend() == 0, "there is nothing left to do"

    def test_drops_a_version_a_day_after_nothing_carries_it(self) -> None:
        row_id = remember(b"remembered")
        platform_keys.rotate()
        tend()
        assert versions() == [1, 2]
        tend()
        assert versions() == [1, 2], "somebody may still hold it"
        as_owner("update kernel_platformkey set retired_at = now() - interval '25 hours' where version = 1")
        tend()
        assert versions() == [2]
        assert envelope.unwrap(answer(row_id), "idempotency", str(row_id)) == b"remembered"

    def test_keeps_a_version_that_a_value_carries_which_does_not_open(self) -> None:
        row_id = remember(b"remembered")
        stored = answer(row_id)
        IdempotentRequest.objects.filter(id=row_id).update(answer=stored[:-1] + bytes([stored[-1] ^ 1]))
        platform_keys.rotate()
        tend()
        as_owner("update kernel_platformkey set retired_at = now() - interval '25 hours' where version = 1")
        tend()
        assert versions() == [1, 2]

    def test_is_noticed_by_who_reads_a_value_of_a_newer_version(self) -> None:
        platform_keys.rotate()
        wrapped = envelope.wrap(b"secret", "field")
        platform_keys._wrapped = {1: platform_keys._wrapped[1]}  # as another process has it in memory
        assert envelope.unwrap(wrapped, "field") == b"secret"

    def test_opens_nothing_elsewhere(self) -> None:
        wrapped = envelope.wrap(b"secret", "field", "row")
        for at in range(len(wrapped)):
            with pytest.raises(CannotDecrypt):
                envelope.unwrap(wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :], "field", "row")
        with pytest.raises(CannotDecrypt):
            envelope.unwrap(wrapped, "field", "other")
