"""Filters whose values PostgreSQL is sure to take."""

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField


class MomentField(IsoDateTimeField):  # type: ignore[misc]  # django-filter has no types
    """An ISO 8601 moment, brought to UTC: PostgreSQL refuses offsets of 16 hours and more, ISO 8601 does not."""

    def to_python(self, value: Any) -> datetime | None:
        """Return the moment in UTC; raises ValidationError, also for one that UTC has no year for."""
        moment: datetime | None = super().to_python(value)
        try:
            return moment.astimezone(UTC) if moment else None
        except OverflowError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class MomentFilter(filters.IsoDateTimeFilter):  # type: ignore[misc]  # django-filter has no types
    """Compares with a moment."""

    field_class = MomentField
