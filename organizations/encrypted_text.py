"""A model field for text that is encrypted with the organization's data key, and opened only when it is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.expressions import Col
from django.db.models.query_utils import DeferredAttribute

from organizations.services import data_keys


@dataclass(frozen=True)
class Sealed:
    """A ciphertext as it is stored."""

    blob: bytes = field(repr=False)


@dataclass(frozen=True)
class _Unsealed:
    """A text that was assigned and is not saved yet."""

    text: str = field(repr=False)


class _EncryptedAttribute(DeferredAttribute):
    """Opens the value each time it is read, so that no instance carries the text where a log could print it."""

    field: "EncryptedTextField"

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        """Return the text; raises CannotDecrypt, and NoOrganizationContext outside the row's organization."""
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            return data_keys.load().decrypt(field=self.field.field_id, row_id=instance.pk, blob=value.blob)
        return value.text if isinstance(value, _Unsealed) else value

    def __set__(self, instance: models.Model, value: object) -> None:
        """Take a text, None, or what came from the database."""
        if isinstance(value, str):
            value = _Unsealed(value)
        elif not (value is None or isinstance(value, Sealed)):
            raise TypeError(f"{self.field.name} takes text, not {type(value).__name__}")
        instance.__dict__[self.field.attname] = value


class _EncryptedCol(Col):
    """The column in a query: it can be selected, and asked whether it is null."""

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to be part of another expression, of which ORDER BY is one.

        Django hands all its arguments to the parts of an expression, and to the column of a lookup the query alone.
        """
        if len(args) > 1:
            raise FieldError(f"{self.target.name} is encrypted: it can be neither ordered by nor computed with")
        return super().resolve_expression(*args, **kwargs)


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]
    """Text of any length, encrypted for one organization, field and row.

    `field_id` is a stable name (`memory.session.text`) that outlives a rename of model or column. The row's id must be
    made in Python, as all of ours are. To migrations the column is plain bytes: a data migration sees ciphertext.
    """

    descriptor_class = _EncryptedAttribute

    def __init__(self, *args: Any, field_id: str = "", **kwargs: Any) -> None:
        self.field_id = field_id
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Return the field as migrations keep it: bytes."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.BinaryField", args, kwargs

    def from_db_value(self, value: bytes | None, *args: Any) -> Sealed | None:
        """Return the ciphertext, not opened."""
        return None if value is None else Sealed(bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        """Encrypt what was assigned; what was not keeps its ciphertext. Raises NoOrganizationContext."""
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, _Unsealed):
            blob = data_keys.load().encrypt(field=self.field_id, row_id=model_instance.pk, text=value.text)
            value = model_instance.__dict__[self.attname] = Sealed(blob)
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return what PostgreSQL stores; a text would be stored readable, and is refused."""
        if not (value is None or isinstance(value, Sealed)):
            raise FieldError(f"{self.name} is encrypted when its row is saved, and not by update() or bulk_update()")
        return super().get_db_prep_value(value.blob if value else None, connection, prepared)

    def get_lookup(self, lookup_name: str) -> Any:
        """Know IS NULL only: no ciphertext equals another, so nothing else would ever find a row.

        Django raises FieldError for any other.
        """
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_col(self, alias: str, output_field: Any = None) -> Col:
        """Return the column for a query."""
        return _EncryptedCol(alias, self, output_field or self)

    def value_to_string(self, obj: models.Model) -> str:
        """Refuse to be written out by a serializer."""
        raise FieldError(f"{self.name} is encrypted: it is not serialized")


def list_encrypted_fields() -> Iterator[tuple[type[models.Model], EncryptedTextField]]:
    """Return every encrypted field of every model: what is walked when an organization's key is rotated."""
    for model in apps.get_models():
        for one in model._meta.local_fields:
            if isinstance(one, EncryptedTextField):
                yield model, one
