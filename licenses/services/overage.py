"""Allowing a licence more seats at once than were bought; by staff, since whoever pays cannot give themselves seats."""

from uuid import UUID

from config.kernel.tenancy import organization_context, system_context
from licenses import rules
from licenses.errors import LicenseNotFound
from licenses.models import License
from licenses.selectors import lock_license
from users.services import audit

MOST_SEATS, MOST_PERCENT = 100_000, 1_000


def allow(*, license_id: UUID, seats: int, percent: int) -> int:
    """Allow so many seats, and so many hundredths of those bought, beyond them; return how many may be leased at once.

    Less than is leased now ends no lease. Again changes nothing. Raises LicenseNotFound.
    """
    with system_context(reason="find the organization of a licence that is allowed overage"):
        found = License.objects.filter(id=license_id).values_list("organization_id", flat=True).first()
    if found is None:
        raise LicenseNotFound
    with organization_context(found):
        license_ = lock_license(license_id=license_id)
        before = (license_.overage_seats, license_.overage_percent)
        if before != (seats, percent):
            license_.overage_seats, license_.overage_percent = seats, percent
            license_.save(update_fields=["overage_seats", "overage_percent"])
            audit.record(
                action="LICENSE_OVERAGE_CHANGED",
                organization_id=found,
                object_type="license",
                object_id=license_id,
                before=before,
                seats=seats,
                percent=percent,
            )
        return rules.seat_limit(license_)
