"""The record of every change that matters: written with the change, never altered, sealed into a chain."""

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager


class TransactionId(models.Field):  # type: ignore[type-arg]  # not generic at run time
    """The id of a PostgreSQL transaction, 64 bits, never used again."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Return PostgreSQL's type."""
        return "xid8"


class AuditEntry(models.Model):
    """Who did what to which object, in which organization (none: a platform event).

    The application's role may add entries and read its organization's; nobody may change or delete one. What
    `transaction_id` says nobody who serves can choose: it decides when an entry can be sealed.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization_id = models.UUIDField(null=True)
    action = models.CharField(max_length=64)
    actor_id = models.UUIDField(null=True)
    object_type = models.CharField(max_length=64)
    object_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    occurred_at = models.DateTimeField(auto_now_add=True)
    transaction_id = TransactionId(db_default=models.Func(function="pg_current_xact_id"), editable=False)

    objects = TenantManager["AuditEntry"]()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["organization_id", "id"], name="audit_by_organization"),
            models.Index(fields=["organization_id", "transaction_id", "id"], name="audit_by_transaction"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"


class AuditSeal(models.Model):
    """The place of one entry in its organization's chain: number `sequence`, counted from 1.

    `hash` includes the one before it (users/chain.py), so no entry can be changed, taken out or put in without every
    later hash changing. No foreign key: the entry may have been made away with, and that is what a seal is to prove.
    """

    entry = models.OneToOneField(
        AuditEntry, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="seal"
    )
    organization_id = models.UUIDField(null=True)
    sequence = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)

    objects = TenantManager["AuditSeal"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "sequence"], name="audit_chain_has_no_fork", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.sequence}"


class AuditCheckpoint(models.Model):
    """A signed statement that a chain's entry number `sequence` had this hash; it is written to the log as well."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization_id = models.UUIDField(null=True)
    sequence = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)
    signed_at = models.DateTimeField()
    key_id = models.CharField(max_length=64)
    signature = models.BinaryField(max_length=64)

    objects = TenantManager["AuditCheckpoint"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "sequence"], name="audit_checkpoint_is_unique", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.sequence}"
