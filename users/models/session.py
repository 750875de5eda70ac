"""A sign-in: what refresh tokens of one family belong to, and what revoking ends."""

from django.db import models

from config.kernel.ids import new_id
from users.models.user import User


class Session(models.Model):
    """One sign-in of one user, alive until it expires or is revoked.

    A refresh rotates the token into the next `generation`: the new one's hash takes the place of the old one's, which
    is kept as `previous_hash` so that its reuse is recognised (RFC 9700 §4.14.2). `amr` says how the user has
    proven who they are (by spaces: pwd and otp of RFC 8176, recovery, firebase), `authenticated_at` when they last did.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    generation = models.PositiveIntegerField(default=1)
    refresh_hash = models.BinaryField(max_length=32)
    previous_hash = models.BinaryField(max_length=32, null=True)
    token_version = models.PositiveIntegerField()
    amr = models.CharField(max_length=64, db_default="pwd")
    # Unknown for sessions that are older than the column: whoever holds one proves themselves anew.
    authenticated_at = models.DateTimeField(null=True)
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    rotated_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoke_reason = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["refresh_hash"], name="session_refresh_hash_is_unique")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def methods(self) -> list[str]:
        """How the user has proven who they are, in order."""
        return self.amr.split()
