"""Shapes of two-factor sign-in, step-up and the change of address."""

from typing import Any

from rest_framework import serializers

from api.v1.serializers.auth import EmailField

LONGEST_CODE = 32


class SecondFactorSerializer(serializers.Serializer[Any]):
    """One proof: a code of the authenticator app, or a recovery code."""

    ways: tuple[str, ...] = ("code", "recovery_code")

    code = serializers.CharField(
        max_length=LONGEST_CODE, required=False, help_text="6 digits of the authenticator app."
    )
    recovery_code = serializers.CharField(max_length=LONGEST_CODE, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Accept exactly one way of proof."""
        if sum(way in attrs for way in self.ways) != 1:
            raise serializers.ValidationError(f"Send one of: {', '.join(self.ways)}.", code="one_proof_needed")
        return attrs


class LoginMfaSerializer(SecondFactorSerializer):
    """The second step of a sign-in."""

    mfa_token = serializers.CharField(max_length=200)


class StepUpSerializer(SecondFactorSerializer):
    """A recent proof of identity: the password, or a second factor where there is one."""

    ways = ("password", "code", "recovery_code")

    password = serializers.CharField(max_length=128, trim_whitespace=False, required=False)


class CodeSerializer(serializers.Serializer[Any]):
    """A code of the authenticator app."""

    code = serializers.CharField(max_length=LONGEST_CODE, help_text="6 digits of the authenticator app.")


class EnrollmentSerializer(serializers.Serializer[Any]):
    """What an authenticator app is set up with; shown once."""

    secret = serializers.CharField(help_text="Base32, to be typed.")
    otpauth_uri = serializers.CharField(help_text="To be shown as a QR code.")


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    """Ten recovery codes; shown once."""

    recovery_codes = serializers.ListField(child=serializers.CharField())


class MfaStateSerializer(serializers.Serializer[Any]):
    """How the user and this session stand with two-factor sign-in."""

    enabled = serializers.BooleanField()
    enabled_at = serializers.DateTimeField(allow_null=True)
    recovery_codes_left = serializers.IntegerField()
    session_amr = serializers.ListField(
        child=serializers.CharField(), help_text="How this session was proven: pwd, otp, recovery, firebase."
    )
    session_fresh = serializers.BooleanField(help_text="Whether it may do what asks for a recent proof of identity.")


class ChangeEmailSerializer(serializers.Serializer[Any]):
    """The address to have."""

    email = EmailField(max_length=254)


class MailedTokenSerializer(serializers.Serializer[Any]):
    """The token of a mailed link."""

    token = serializers.CharField(max_length=200)
