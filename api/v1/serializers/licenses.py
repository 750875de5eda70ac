"""Shapes of licences, activations and seats."""

from typing import Any

from rest_framework import serializers

from licenses.models import LicenseSession, LicenseStatus
from licenses.services.borrowing import MOST_DAYS

HEARTBEAT_INTERVAL_SECONDS = 300


class FoundLicenseSerializer(serializers.Serializer[Any]):
    """A licence as whoever holds its key may see it; the key itself is not repeated."""

    id = serializers.UUIDField()
    organization_id = serializers.UUIDField()
    tier = serializers.CharField()
    features = serializers.JSONField()
    max_seats = serializers.IntegerField(help_text="Seats that were bought.")
    seats_used = serializers.IntegerField()
    overage_seats = serializers.IntegerField(source="seats.overage", help_text="Seats that may be leased beyond them.")
    overage_used = serializers.IntegerField(source="seats.overage_used", help_text="And how many are.")
    status = serializers.ChoiceField(LicenseStatus.choices)
    expires_at = serializers.DateTimeField(allow_null=True)
    grace_period_ends_at = serializers.DateTimeField(allow_null=True)
    key_valid_until = serializers.DateTimeField(
        allow_null=True,
        help_text="Set when the key that was shown has been replaced: it works until then. Members see the new one.",
    )


class LicenseSerializer(serializers.Serializer[Any]):
    """A licence as members see it; machines need the full key."""

    id = serializers.UUIDField(source="license.id")
    license_key = serializers.CharField()
    organization_id = serializers.UUIDField(source="license.organization_id")
    subscription_id = serializers.UUIDField(source="license.subscription_id")
    tier = serializers.CharField(source="license.tier")
    features = serializers.JSONField(source="license.features")
    max_seats = serializers.IntegerField(source="seats.bought", help_text="Seats that were bought.")
    seats_used = serializers.IntegerField(source="seats.used", help_text="Leased now, overage included.")
    seats_remaining = serializers.IntegerField(source="seats.remaining", help_text="Bought seats that are free.")
    overage_seats = serializers.IntegerField(source="seats.overage", help_text="Seats that may be leased beyond those.")
    overage_used = serializers.IntegerField(source="seats.overage_used", help_text="And how many are.")
    status = serializers.ChoiceField(LicenseStatus.choices, source="license.status")
    usable = serializers.BooleanField()
    suspension_reason = serializers.CharField(source="license.suspension_reason", allow_null=True)
    suspension_note = serializers.CharField(
        source="license.suspension_note", help_text="What the owner or admin who suspended it wrote."
    )
    issued_at = serializers.DateTimeField(source="license.issued_at")
    activated_at = serializers.DateTimeField(source="license.activated_at", allow_null=True)
    suspended_at = serializers.DateTimeField(source="license.suspended_at", allow_null=True)
    deactivated_at = serializers.DateTimeField(source="license.deactivated_at", allow_null=True)
    expires_at = serializers.DateTimeField(source="license.expires_at", allow_null=True)
    grace_period_ends_at = serializers.DateTimeField(source="license.grace_period_ends_at", allow_null=True)
    failed_payment_count = serializers.IntegerField(source="license.failed_payment_count")
    last_renewal_at = serializers.DateTimeField(source="license.last_renewal_at", allow_null=True)
    next_billing_date = serializers.DateTimeField(source="license.next_billing_date", allow_null=True)
    access_policy = serializers.CharField(source="license.access_policy")
    require_activation = serializers.BooleanField(source="license.require_activation")
    max_activations = serializers.IntegerField(source="license.max_activations", allow_null=True)
    match_policy = serializers.CharField(source="license.match_policy")
    max_borrowed_seats = serializers.IntegerField(source="license.max_borrowed_seats")


class HolderSerializer(serializers.ModelSerializer[LicenseSession]):
    """Who holds a seat now."""

    class Meta:
        model = LicenseSession
        fields = ["id", "kind", "user_id", "acquired_at", "last_heartbeat_at", "expires_at", "clones_suspected"]
        read_only_fields = fields


class LicenseDetailSerializer(LicenseSerializer):
    """A licence with its live sessions."""

    sessions = HolderSerializer(many=True)


class ValidateSerializer(serializers.Serializer[Any]):
    """A key to judge."""

    license_key = serializers.CharField(max_length=200)
    hardware_id = serializers.CharField(max_length=1000, required=False)
    nonce = serializers.RegexField(
        r"^[!-~]{1,200}\Z",
        required=False,
        trim_whitespace=False,
        help_text="1 to 200 visible ASCII characters, returned as they came.",
    )


class ValidationSerializer(serializers.Serializer[Any]):
    """The verdict on a key."""

    valid = serializers.BooleanField()
    code = serializers.ChoiceField(
        [
            "VALID",
            "MALFORMED",
            "NOT_FOUND",
            "EXPIRED",
            "SUSPENDED",
            "IN_GRACE",
            "INACTIVE",
            "NOT_ACTIVATED",
            "NO_SEATS",
        ]
    )
    detail = serializers.CharField()
    license = FoundLicenseSerializer(allow_null=True)
    nonce = serializers.CharField(allow_null=True)
    timestamp = serializers.DateTimeField()


class SignalsField(serializers.DictField):
    """Signals of a machine's hardware, by name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            child=serializers.CharField(max_length=255, trim_whitespace=False),
            required=False,
            help_text="Up to 16 more signals of the hardware by name, such as `board` or `disk`; see `match_policy`.",
            **kwargs,
        )


class ActivateSerializer(serializers.Serializer[Any]):
    """A machine to bind."""

    license_key = serializers.CharField(max_length=200)
    hardware_id = serializers.CharField(max_length=1000)
    hardware_signals = SignalsField()
    hardware_name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    platform = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")


class ActivatedSerializer(serializers.Serializer[Any]):
    """The licence a machine is bound to."""

    license = FoundLicenseSerializer()
    max_seats = serializers.IntegerField()


class MachineSerializer(serializers.Serializer[Any]):
    """A machine, and the key of the licence that it wants a seat of."""

    license_key = serializers.CharField(max_length=200)
    hardware_id = serializers.CharField(max_length=1000, help_text="10 to 255 of A-Z a-z 0-9 . _ : -")
    hardware_signals = SignalsField()


class AcquireSerializer(MachineSerializer):
    """A machine that wants a seat."""

    takeover_session_id = serializers.UUIDField(
        required=False,
        help_text="A session of your own on this licence, on another machine: it ends, and this machine gets its seat.",
    )


class BorrowSerializer(MachineSerializer):
    """A machine that wants a seat for days."""

    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS)


class SignedFileSerializer(serializers.Serializer[Any]):
    """A flattened JWS (PS256)."""

    payload = serializers.CharField()
    protected = serializers.CharField()
    signature = serializers.CharField()


class BorrowedSeatSerializer(serializers.Serializer[Any]):
    """A seat that needs no heartbeats."""

    session_id = serializers.UUIDField()
    signed_token = serializers.CharField(help_text="Gives the seat back.")
    expires_at = serializers.DateTimeField()
    file = SignedFileSerializer(help_text="Verify it offline with /.well-known/jwks.json.")


class SeatTokenSerializer(serializers.Serializer[Any]):
    """A session and the token that proves it."""

    session_id = serializers.UUIDField()
    signed_token = serializers.CharField(max_length=4096)


class OptionalSeatTokenSerializer(serializers.Serializer[Any]):
    """The token, where it does not come as Bearer."""

    signed_token = serializers.CharField(max_length=4096, required=False)


class BeatSerializer(serializers.Serializer[Any]):
    """A renewed lease, with the token for the next beat."""

    expires_at = serializers.DateTimeField()
    offline_until = serializers.DateTimeField()
    heartbeat_interval = serializers.IntegerField(help_text="Seconds.")
    signed_token = serializers.CharField()
    degraded = serializers.BooleanField(help_text="Granted without Redis; just as good.")


class SeatSerializer(BeatSerializer):
    """A leased seat."""

    session_id = serializers.UUIDField()
    seats_used = serializers.IntegerField()
    max_seats = serializers.IntegerField()
    license = FoundLicenseSerializer()
