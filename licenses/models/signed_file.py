"""Which key signed files of a licence, and how long such a file may be valid."""

from django.db import models

from config.kernel.ids import new_id
from config.kernel.tenancy import TenantManager
from licenses.models.license import License
from organizations.models import Organization


class SignedFile(models.Model):
    """Files of one licence signed by one key: a key is not removed while one of them is valid."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="+")
    kid = models.CharField(max_length=64)
    valid_until = models.DateTimeField(null=True)
    """The latest end of any of them; none: for ever."""

    objects = TenantManager["SignedFile"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "license", "kid"], name="signed_file_once_a_key")
        ]

    def __str__(self) -> str:
        return f"{self.license_id} by {self.kid}"
