"""Shapes of what a licence was used for: its sessions, live and past, and its days."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from rest_framework import serializers

from licenses.models import EndReason, LicenseSession
from licenses.services.daily_usage import DayOfUse

MOST_DAYS = 366
DAYS_UNASKED = 30
EARLIEST = date(2000, 1, 1)


class LicenseSessionSerializer(serializers.ModelSerializer[LicenseSession]):
    """A machine's lease on a seat, from when it began to its end; a lease that has lapsed has ended, tidied or not."""

    live = serializers.SerializerMethodField()
    activation_id = serializers.UUIDField(allow_null=True)
    machine = serializers.CharField(allow_null=True, help_text="The name that the machine was activated under.")
    platform = serializers.CharField(allow_null=True)
    ended_at = serializers.SerializerMethodField(help_text="Null while it is live.")
    end_reason = serializers.SerializerMethodField(help_text="Null while it is live.")
    duration_seconds = serializers.SerializerMethodField(help_text="From its beginning to its end, or until now.")

    class Meta:
        model = LicenseSession
        fields = [
            "id", "live", "kind", "user_id", "activation_id", "machine", "platform", "acquired_at", "last_heartbeat_at",
            "expires_at", "ended_at", "end_reason", "duration_seconds",
        ]  # fmt: skip
        read_only_fields = fields

    def get_live(self, session: LicenseSession) -> bool:
        """Return whether the lease runs."""
        return _ended_at(session) is None

    def get_ended_at(self, session: LicenseSession) -> datetime | None:
        """Return when the lease ended."""
        return _ended_at(session)

    def get_end_reason(self, session: LicenseSession) -> EndReason | None:
        """Return why it ended."""
        if _ended_at(session) is None:
            return None
        return EndReason(session.end_reason) if session.ended_at else EndReason.EXPIRED

    def get_duration_seconds(self, session: LicenseSession) -> float:
        """Return how long the lease has run."""
        end = _ended_at(session) or session.looked_at  # type: ignore[attr-defined]  # annotated by the selector
        return float(max(end - session.acquired_at, timedelta()).total_seconds())


def _ended_at(session: LicenseSession) -> datetime | None:
    end = min(session.ended_at or session.expires_at, session.expires_at)
    looked_at: datetime = session.looked_at  # type: ignore[attr-defined]  # annotated by the selector
    return end if session.ended_at or end <= looked_at else None


class DaySerializer(serializers.Serializer[DayOfUse]):
    """One day, from midnight to midnight UTC."""

    day = serializers.DateField(source="occupied.day")
    peak_seats = serializers.IntegerField(source="occupied.peak_seats", help_text="Most seats leased at one instant.")
    sessions = serializers.IntegerField(source="occupied.sessions", help_text="Sessions that began this day.")
    leased_seconds = serializers.SerializerMethodField(help_text="How long seats were leased within this day.")
    denials = serializers.IntegerField(help_text="Calls that found no seat free.")

    def get_leased_seconds(self, day: DayOfUse) -> float:
        """Return the leased time in seconds."""
        return float(day.occupied.leased.total_seconds())


class LicenseUsageSerializer(serializers.Serializer[Any]):
    """Days of use of a licence, the last of which may be today, and what they come to."""

    peak_seats = serializers.IntegerField()
    sessions = serializers.IntegerField()
    sessions_per_day = serializers.SerializerMethodField(help_text="On average over all these days.")
    average_duration_seconds = serializers.SerializerMethodField(
        help_text="Of the sessions that ended within these days; null if none did."
    )
    leased_seconds = serializers.SerializerMethodField()
    denials = serializers.IntegerField()
    days = DaySerializer(many=True)

    def get_sessions_per_day(self, usage: Any) -> float:
        """Return how many sessions began a day."""
        return float(round(usage.sessions / len(usage.days), 3))

    def get_average_duration_seconds(self, usage: Any) -> float | None:
        """Return how long they lasted."""
        average: timedelta | None = usage.average_duration
        return None if average is None else average.total_seconds()

    def get_leased_seconds(self, usage: Any) -> float:
        """Return the leased time in seconds."""
        return float(usage.leased.total_seconds())


class PeriodSerializer(serializers.Serializer[Any]):
    """From which to which day, both included; the last 30 unless asked otherwise."""

    to = serializers.DateField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields: `from` is a word of Python's."""
        return {"from": serializers.DateField(required=False), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return `first` and `last`; raises ValidationError for a period that is none or too long."""
        last: date = attrs.get("to") or datetime.now(UTC).date()
        if last < EARLIEST or attrs.get("from", last) < EARLIEST:
            raise serializers.ValidationError({"from": "Days begin in the year 2000."})
        first: date = attrs.get("from") or last - timedelta(days=DAYS_UNASKED - 1)
        if not timedelta() <= last - first < timedelta(days=MOST_DAYS):
            raise serializers.ValidationError({"from": f"From one day to {MOST_DAYS}, in their order."})
        return {"first": first, "last": last}
