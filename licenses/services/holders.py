"""Who holds the seats of a licence."""

from django.db.models import F
from django.db.models.functions import Least, Now

from licenses.models import EndReason, License, LicenseSession


def end_all(*, license_: License) -> int:
    """End every lease that runs on a licence that may be used no longer; return how many.

    One that has run out already ended by that, and is closed, and told, as what it was (`services.history`).
    The gate is not told: a licence that is not usable is refused before it is asked, and leases there lapse.
    """
    return LicenseSession.objects.filter(license=license_, ended_at=None, expires_at__gt=Now()).update(
        ended_at=Least(Now(), F("expires_at")), end_reason=EndReason.LICENSE_ENDED
    )
