"""What an organization decides about its own licences: who may use them, and which machines."""

from typing import Any
from uuid import UUID

from config.kernel.tenancy import organization_context
from licenses.selectors import LicenseDetail, describe_one, lock_license
from users.services import audit

SETTINGS = frozenset({"access_policy", "require_activation", "max_activations", "match_policy", "max_borrowed_seats"})


def change(*, organization_id: UUID, license_id: UUID, actor_id: UUID, settings: dict[str, Any]) -> LicenseDetail:
    """Change some of a licence's settings; what is as asked for already changes nothing and leaves no audit entry.

    They decide about whoever comes from now on: no activation and no lease that there is ends by them. Raises
    LicenseNotFound.
    """
    with organization_context(organization_id):
        license_ = lock_license(license_id=license_id)
        changed = {
            name: value for name, value in settings.items() if name in SETTINGS and getattr(license_, name) != value
        }
        if changed:
            before = {name: getattr(license_, name) for name in changed}
            for name, value in changed.items():
                setattr(license_, name, value)
            license_.save(update_fields=list(changed))
            audit.record(
                action="LICENSE_SETTINGS_CHANGED",
                organization_id=organization_id,
                object_type="license",
                object_id=license_id,
                actor_id=actor_id,
                before=before,
                after=changed,
            )
        return describe_one(license_id=license_id)
