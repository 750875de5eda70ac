"""Suspending a licence by its own owners and admins, and lifting that again."""

from uuid import UUID

from config.kernel import clock
from config.kernel.tenancy import organization_context
from licenses.models import License
from licenses.selectors import LicenseDetail, describe_one, get_license, lock_license
from licenses.services import issuing, statuses
from licenses.transitions import State, Verb
from subscriptions.selectors import get_subscription
from users.services import audit


def suspend(*, organization_id: UUID, license_id: UUID, actor_id: UUID, note: str) -> LicenseDetail:
    """Suspend a licence until an owner or admin reinstates it, whatever is paid; again changes nothing.

    From the moment it is committed no seat is given and no lease renewed. Leases that run are not ended: a licence that
    is reinstated within their time costs nobody a seat. `note` is shown to the licence's members.
    Raises LicenseNotFound, LicenseInactive.
    """
    with organization_context(organization_id):
        license_ = lock_license(license_id=license_id)
        was = statuses.state(license_)
        if statuses.move(license_=license_, verb=Verb.SUSPEND, at=clock.now()) is not was:
            license_.suspension_note = note
            _save(license_, "LICENSE_SUSPENDED", actor_id, before=was)
        return describe_one(license_id=license_id)


def reinstate(*, organization_id: UUID, license_id: UUID, actor_id: UUID) -> LicenseDetail:
    """Lift what `suspend` did, and bring the licence to what its subscription asks for by now; again changes nothing.

    Raises LicenseNotFound, LicenseInactive; SuspendedByBilling for what only a payment lifts.
    """
    with organization_context(organization_id):
        # The subscription first, as whatever changes both locks them.
        known = get_license(license_id=license_id)
        subscription = get_subscription(subscription_id=known.subscription_id, lock=True)
        license_ = lock_license(license_id=license_id)
        was = statuses.state(license_)
        if statuses.move(license_=license_, verb=Verb.REINSTATE, at=clock.now()) is not was:
            license_.suspension_note = ""
            _save(license_, "LICENSE_REINSTATED", actor_id, before=was)
            asked = issuing.claim_of(subscription, clock.now())
            if asked is not None:
                issuing.follow(license_, subscription, asked)
        return describe_one(license_id=license_id)


def _save(license_: License, action: str, actor_id: UUID, *, before: State) -> None:
    license_.save()
    audit.record(
        action=action,
        organization_id=license_.organization_id,
        object_type="license",
        object_id=license_.id,
        actor_id=actor_id,
        before=before,
        after=statuses.state(license_),
    )
