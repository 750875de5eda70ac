"""Shapes of what owners and admins do with a licence: suspend it, replace its key, settle who may use it."""

from typing import Any

from rest_framework import serializers

from api.v1.serializers.licenses import LicenseSerializer
from licenses.models import AccessPolicy, Activation, MatchPolicy
from licenses.services.key_rotation import LONGEST_OVERLAP_HOURS, SHORTEST_OVERLAP_HOURS, USUAL_OVERLAP_HOURS


class SuspendSerializer(serializers.Serializer[Any]):
    """Why a licence is suspended."""

    reason = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", help_text="Shown to the licence's members."
    )


class RotateKeySerializer(serializers.Serializer[Any]):
    """How long the key that is replaced works on."""

    overlap_hours = serializers.IntegerField(
        min_value=SHORTEST_OVERLAP_HOURS,
        max_value=LONGEST_OVERLAP_HOURS,
        default=USUAL_OVERLAP_HOURS,
        help_text="0: it stops at once.",
    )


class RotatedSerializer(LicenseSerializer):
    """A licence with its new key."""

    old_key_valid_until = serializers.DateTimeField()


class SettingsSerializer(serializers.Serializer[Any]):
    """A licence's settings; what is not sent stays as it is."""

    access_policy = serializers.ChoiceField(
        AccessPolicy.choices,
        required=False,
        help_text="Who may take a seat: `user` a signed-in member, `key` whoever holds the key, `mixed` either.",
    )
    require_activation = serializers.BooleanField(
        required=False, help_text="Whether machines have to be activated before they acquire."
    )
    max_activations = serializers.IntegerField(
        min_value=0, max_value=1_000_000, required=False, allow_null=True, help_text="null: any number."
    )
    match_policy = serializers.ChoiceField(
        MatchPolicy.choices,
        required=False,
        help_text="How many of the hardware signals that a machine showed before it must show again.",
    )
    max_borrowed_seats = serializers.IntegerField(
        min_value=0, max_value=1_000_000, required=False, help_text="How many seats may be borrowed at once."
    )


class ActivationSerializer(serializers.ModelSerializer[Activation]):
    """A machine that a licence is bound to; what it is known by is not told."""

    signals = serializers.SerializerMethodField(help_text="Names of the hardware signals that it showed last.")
    session_id = serializers.UUIDField(allow_null=True, help_text="The lease that it holds now.")

    class Meta:
        model = Activation
        fields = ["id", "hardware_name", "platform", "activated_at", "signals", "session_id"]
        read_only_fields = fields

    def get_signals(self, activation: Activation) -> list[str]:
        """Return their names."""
        return sorted(activation.signals)
