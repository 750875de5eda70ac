"""Shapes of the audit log."""

from rest_framework import serializers

from users.models import AuditEntry


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One entry; once sealed, its place in the organization's chain is `sequence`."""

    sealed = serializers.SerializerMethodField(help_text="Sealed entries cannot be changed without it being found.")
    sequence = serializers.SerializerMethodField(help_text="Counted from 1; null until sealed, seconds after the fact.")

    class Meta:
        model = AuditEntry
        fields = [
            "id", "organization_id", "action", "actor_id", "object_type", "object_id", "data", "request_id",
            "occurred_at", "sealed", "sequence",
        ]  # fmt: skip
        read_only_fields = fields

    def get_sealed(self, entry: AuditEntry) -> bool:
        """Return whether the entry has its seal."""
        return hasattr(entry, "seal")

    def get_sequence(self, entry: AuditEntry) -> int | None:
        """Return the place of its seal."""
        return entry.seal.sequence if hasattr(entry, "seal") else None
