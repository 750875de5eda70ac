"""Replacing a licence's key, while the one before it works on for as long as the owner chooses."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models.functions import Least

from config.kernel import clock
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses import keys, lookup
from licenses.models import RetiredKey
from licenses.selectors import LicenseDetail, describe_one, lock_license
from licenses.services import statuses
from licenses.transitions import Verb, after
from users.services import audit

SHORTEST_OVERLAP_HOURS, USUAL_OVERLAP_HOURS, LONGEST_OVERLAP_HOURS = 0, 24, 720


def rotate(
    *, organization_id: UUID, license_id: UUID, actor_id: UUID, overlap_hours: int
) -> tuple[LicenseDetail, datetime]:
    """Give a licence a new key; return it with the moment until when the key before it works.

    Every older key that still works is bound by the overlap chosen now: none is given more time than it had, and none
    outlives it. So a rotation with an overlap of 0 leaves the new key alone, whatever was promised before. Two
    rotations at once happen one after the other; the key of the first is the older of the second. Machines that hold a
    seat keep it: their tokens do not depend on the key. Raises LicenseNotFound, LicenseInactive.
    """
    key = keys.generate()
    with organization_context(organization_id):
        license_ = lock_license(license_id=license_id)
        after(statuses.state(license_), Verb.ROTATE_KEY)  # or refuses
        now = clock.now()
        until = now + timedelta(hours=overlap_hours)
        RetiredKey.objects.filter(license=license_, valid_until__gt=now).update(valid_until=Least("valid_until", until))
        RetiredKey.objects.create(
            id=new_id(),
            organization_id=organization_id,
            license=license_,
            key_hash=bytes(license_.key_hash),
            retired_at=now,
            valid_until=until,
        )
        license_.key_hash, license_.key = lookup.key_hash(key), key
        license_.save(update_fields=["key_hash", "key"])
        audit.record(
            action="LICENSE_KEY_ROTATED",
            organization_id=organization_id,
            object_type="license",
            object_id=license_id,
            actor_id=actor_id,
            overlap_hours=overlap_hours,
        )
        return describe_one(license_id=license_id), until
