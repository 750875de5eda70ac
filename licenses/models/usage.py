"""What a licence was used for, by UTC day: kept for ever, when the sessions that it was worked out from are gone."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from licenses.models.license import License
from organizations.models import Organization


class DailyUsage(models.Model):
    """One closed day of one licence; a day without any session has no row.

    A session counts among `sessions` on the day it began, among `ended_sessions` on the day it ended, with its whole
    length in `ended_leased`; what of it lay within a day is in that day's `leased`, and it may be part of the peak of
    each. A day is from midnight to midnight, UTC; the instant of midnight belongs to the later one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    peak_seats = models.PositiveIntegerField()
    sessions = models.PositiveIntegerField()
    leased = models.DurationField()
    ended_sessions = models.PositiveIntegerField()
    ended_leased = models.DurationField()

    objects = TenantManager["DailyUsage"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "license", "day"], name="usage_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.license_id} on {self.day}"


class UsageProgress(models.Model):
    """Up to which day, inclusive, an organization's usage is worked out; its row is the lock for going on."""

    organization = models.OneToOneField(Organization, on_delete=models.PROTECT, related_name="+", primary_key=True)
    closed_through = models.DateField()

    objects = TenantManager["UsageProgress"]()

    def __str__(self) -> str:
        return f"{self.organization_id} through {self.closed_through}"


class DenialCount(models.Model):
    """How many callers one counter has told on one day that no seat was free; a day's number is the sum of its rows.

    `source` names the counter: a hash in Redis by what it was born with, or the record itself, for as long as Redis is
    away. What a counter says is only ever raised to what it says now, so it may be read any number of times, by anyone.
    """

    RECORD = "record"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    source = models.CharField(max_length=64)
    count = models.PositiveBigIntegerField()

    objects = TenantManager["DenialCount"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "license", "day", "source"], name="denials_once_a_day_and_counter"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.license_id} on {self.day}: {self.count}"
