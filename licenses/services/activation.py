"""Binding machines to a licence."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models.functions import Now

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses import lookup, machines
from licenses.errors import ActivationLimitReached, ActivationRequired
from licenses.lookup import FoundLicense, KeyHolder
from licenses.models import Activation, EndReason, License
from licenses.seats import record, store
from licenses.selectors import get_activation, lock_license
from users.services import audit


@dataclass(frozen=True)
class Activated:
    """A licence, and whether this call bound the machine to it."""

    license: FoundLicense
    is_new: bool


def activate(*, license_key: str, hardware_id: str, hardware_name: str, platform: str, holder: KeyHolder) -> Activated:
    """Bind a machine to a licence; again for the same machine changes nothing.

    Raises LicenseKeyMalformed, HardwareIdInvalid, LicenseNotFound, AuthenticationRequired, LicenseExpired,
    LicenseSuspended, LicenseInactive, ActivationLimitReached.
    """
    machine = machines.hardware_hash(hardware_id)
    found = lookup.get_for_holder(license_key=license_key, holder=holder, machine=machine)
    lookup.refuse_unless_usable(found)
    with organization_context(found.organization_id):
        license_ = License.objects.select_for_update(no_key=True).get(id=found.id)
        is_new = admit(
            license_=license_, machine=machine, explicit=True, hardware_name=hardware_name, platform=platform
        )
    return Activated(found, is_new)


def admit(*, license_: License, machine: bytes, explicit: bool, hardware_name: str = "", platform: str = "") -> bool:
    """Bind a machine unless it is bound already; return whether it was bound now. Needs the licence's row lock.

    Raises ActivationRequired when the licence wants an `explicit` activation and this is none, ActivationLimitReached.
    """
    activations = Activation.objects.filter(license=license_)
    if activations.filter(hardware_hash=machine).exists():
        return False
    if license_.require_activation and not explicit:
        raise ActivationRequired
    if license_.max_activations is not None and activations.count() >= license_.max_activations:
        raise ActivationLimitReached
    activation = Activation.objects.create(
        id=new_id(),
        organization_id=license_.organization_id,
        license=license_,
        hardware_hash=machine,
        hardware_name=hardware_name,
        platform=platform,
    )
    if license_.activated_at is None:
        License.objects.filter(id=license_.id).update(activated_at=Now())
    audit.record(
        action="LICENSE_ACTIVATED",
        organization_id=license_.organization_id,
        object_type="activation",
        object_id=activation.id,
        license_id=str(license_.id),
    )
    return True


def remove(*, organization_id: UUID, license_id: UUID, activation_id: UUID, actor_id: UUID) -> None:
    """Unbind a machine: the lease it holds ends with it, and its seat is free at once, in the gate too.

    A machine that comes again is bound again, if the licence lets it. Raises LicenseNotFound, ActivationNotFound.
    """
    with organization_context(organization_id):
        lock_license(license_id=license_id)
        activation = get_activation(license_id=license_id, activation_id=activation_id)
        session_id: UUID | None = activation.session_id  # type: ignore[attr-defined]  # the selector adds it
        ended = session_id and record.release(
            organization_id=organization_id, session_id=session_id, lease_no=None, reason=EndReason.FORCED
        )
        activation.delete()
        audit.record(
            action="ACTIVATION_REMOVED",
            organization_id=organization_id,
            object_type="activation",
            object_id=activation_id,
            actor_id=actor_id,
            license_id=str(license_id),
            session_id=session_id and str(session_id),
        )
    if ended:
        store.forget(license_id=license_id, hardware_hash=ended[1].hardware_hash, owner=ended[1].owner)
