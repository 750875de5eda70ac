"""Encrypted text: stored unreadable, opened when read, in its own organization, field and row only."""

import logging
import pickle
from collections.abc import Callable
from uuid import UUID

import pytest
from django.core.exceptions import FieldError
from django.core.serializers import serialize

from config.kernel.cipher import CannotDecrypt
from config.kernel.ids import new_id
from config.kernel.tenancy import NoOrganizationContext, organization_context, system_context
from licenses.models import License
from organizations.encrypted_text import list_encrypted_fields
from organizations.services import data_keys
from tests.api.beneath import as_owner
from tests.api.issued import licensed
from tests.journey import Licensed
from tests.query_counts import statements

pytestmark = pytest.mark.usefixtures("db")


REFUSED: dict[str, Callable[[], object]] = {
    "filter": lambda: License.objects.filter(key="x"),
    "filter by none": lambda: License.objects.filter(key=None),
    "contains": lambda: License.objects.filter(key__contains="x"),
    "in": lambda: License.objects.exclude(key__in=["x"]),
    "order": lambda: list(License.objects.order_by("key")),
    "order, descending": lambda: list(License.objects.order_by("-key")),
    "update": lambda: License.objects.update(key="readable"),
    "bulk update": lambda: License.objects.bulk_update(list(License.objects.all()), ["key"]),
    "serialize": lambda: serialize("json", License.objects.all()),
}


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence, whose key is an encrypted text."""
    return licensed()


def organization_of(made: Licensed) -> UUID:
    """Return whose licence it is."""
    return UUID(made.customer.organization_id)


class TestEncryptedText:
    def test_is_read_as_it_was_written_and_stored_otherwise(self, made: Licensed) -> None:
        with organization_context(organization_of(made)):
            row = License.objects.get()
            assert row.key == made.license_key
            row.key = "Ä愛👩‍💻"
            assert row.key == "Ä愛👩‍💻", "before it is saved"
            row.save()
            assert (row.key, License.objects.get().key) == ("Ä愛👩‍💻",) * 2
        ((stored,),) = as_owner("select key_encrypted from licenses_license")
        assert "Ä愛".encode() not in bytes(stored)

    def test_that_was_not_assigned_keeps_its_ciphertext(self, made: Licensed) -> None:
        before = as_owner("select key_encrypted from licenses_license")
        with organization_context(organization_of(made)):
            row = License.objects.get()
            assert row.key
            row.save()
        assert as_owner("select key_encrypted from licenses_license") == before

    def test_can_be_left_out_of_a_query_and_fetched_later(self, made: Licensed) -> None:
        with organization_context(organization_of(made)):
            row = License.objects.defer("key").get()
            assert row.key == made.license_key
            row.refresh_from_db(fields=["key"])
            assert row.key == made.license_key

    def test_does_not_open_elsewhere(self, made: Licensed) -> None:
        other = licensed()
        with organization_context(organization_of(made)):
            row = License.objects.get()
        with pytest.raises(NoOrganizationContext):
            _ = row.key
        with organization_context(organization_of(other)), pytest.raises(CannotDecrypt):
            _ = row.key
        with system_context(reason="test"), pytest.raises(NoOrganizationContext):
            _ = License.objects.get(id=made.license_id).key
        row.pk = new_id()
        with organization_context(organization_of(made)), pytest.raises(CannotDecrypt):
            _ = row.key
        with pytest.raises(NoOrganizationContext):
            License(id=new_id(), key="text").save()

    def test_costs_one_query_for_keys_however_many_rows_are_read(self, made: Licensed) -> None:
        with statements(3), organization_context(organization_of(made)):  # the context, the rows, the keys
            row = License.objects.get()
            assert [row.key for _ in range(10)] == [made.license_key] * 10

    @pytest.mark.parametrize("name", REFUSED)
    def test_is_refused_where_it_would_be_of_no_use_or_readable(self, made: Licensed, name: str) -> None:
        with pytest.raises(FieldError, match=r"(?i)encrypted"), organization_context(organization_of(made)):
            REFUSED[name]()

    def test_can_be_asked_whether_there_is_one(self, made: Licensed) -> None:
        with organization_context(organization_of(made)):
            assert License.objects.filter(key__isnull=False).count() == 1

    def test_takes_text_only(self, made: Licensed) -> None:
        with pytest.raises(TypeError, match="takes text, not bytes"):
            License(key=b"bytes")

    def test_is_shown_by_no_instance_representation_or_log(
        self, made: Licensed, caplog: pytest.LogCaptureFixture
    ) -> None:
        with organization_context(organization_of(made)):
            row = License.objects.get()
            assert row.key == made.license_key
            unsaved = License(key=made.license_key)
            values = list(License.objects.values("key"))
        with caplog.at_level(logging.DEBUG):
            logging.getLogger("test").info("%r %s %r %r %r", row, row, vars(row), vars(unsaved), values)
        assert made.license_key not in caplog.text
        assert made.license_key.encode() not in pickle.dumps(vars(row))

    def test_has_a_name_of_its_own_for_every_field(self) -> None:
        named = [field.field_id for _, field in list_encrypted_fields()]
        assert "license.key" in named
        assert len(named) == len(set(named))
        assert all(named)


class TestDestroyedKeys:
    def test_open_nothing_in_a_process_that_remembers_them(self, made: Licensed) -> None:
        with organization_context(organization_of(made)):
            row = License.objects.get()
            assert row.key == made.license_key
        # By another process: this one is told nothing.
        as_owner("delete from organizations_datakey")
        with organization_context(organization_of(made)), pytest.raises(CannotDecrypt):
            _ = License.objects.get().key
        with organization_context(organization_of(made)), pytest.raises(CannotDecrypt):
            data_keys.load().encrypt(field="license.key", row_id=new_id(), text="text")
