"""The mailbox of local runs, where mails end that would otherwise be sent."""

from django.db import models

from config.kernel.ids import new_id


class MailboxMessage(models.Model):
    """A mail as a person would have received it; exists in local and test runs only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    recipient = models.EmailField(db_index=True)
    kind = models.CharField(max_length=64)
    subject = models.TextField()
    text = models.TextField()
    html = models.TextField()
    attachments = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.subject
