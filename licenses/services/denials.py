"""Brings to PostgreSQL what the gate has counted of callers who found no seat free."""

from itertools import groupby
from uuid import UUID

from config.kernel import clock
from config.kernel.redis import RedisUnavailable
from config.kernel.tenancy import organization_context, system_context
from licenses.models import License
from licenses.seats import denials
from licenses.seats.denials import Counted

AT_ONCE = 500
"""How many licences the gate is asked about in one exchange."""


def keep_denials() -> int:
    """Keep what the gate has counted so far; return how many numbers it told. Harmless to repeat, at any time.

    Each organization's are committed before the gate forgets the days that are over; killed in between, they are told
    again, and kept as they are.
    """
    with system_context(reason="find the licences whose refusals are counted"):
        licenses = list(License.objects.order_by("organization_id", "id").values_list("organization_id", "id"))
    told = 0
    for start in range(0, len(licenses), AT_ONCE):
        asked = licenses[start : start + AT_ONCE]
        try:
            told += _keep({license_id: organization_id for organization_id, license_id in asked})
        except RedisUnavailable:
            return told  # what it has counted is still there when it comes back, or lost
    return told


def _keep(owners: dict[UUID, UUID]) -> int:
    counts = denials.read(list(owners))

    def owner(one: Counted) -> UUID:
        return owners[one.license_id]

    for organization_id, own in groupby(counts, key=owner):
        with organization_context(organization_id):
            denials.keep(organization_id=organization_id, counts=own)
    today = clock.now().date()
    denials.forget(one for one in counts if (today - one.day).days > 1)
    return len(counts)
