"""Shapes of the mail provider's webhook."""

from rest_framework import serializers


class DeliveryAnswerSerializer(serializers.Serializer[dict[str, str]]):
    """The answer to a delivery: it is stored, or was before."""

    status = serializers.ChoiceField(choices=["received"])
