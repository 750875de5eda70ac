"""Binding machines to a licence."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses import lookup, machines
from licenses.errors import ActivationLimitReached, ActivationRequired, MachineMismatch
from licenses.lookup import FoundLicense, KeyHolder
from licenses.machines import Shown
from licenses.models import Activation, EndReason, License
from licenses.seats import record, store
from licenses.selectors import get_activation, lock_license
from users.services import audit


@dataclass(frozen=True)
class Activated:
    """A licence, and whether this call bound the machine to it."""

    license: FoundLicense
    is_new: bool


def activate(
    *,
    license_key: str,
    hardware_id: str,
    hardware_name: str,
    platform: str,
    holder: KeyHolder,
    hardware_signals: Mapping[str, str] | None = None,
) -> Activated:
    """Bind a machine to a licence; again for the same machine changes nothing but the signals that it is known by.

    Raises LicenseKeyMalformed, HardwareIdInvalid, HardwareSignalsInvalid, LicenseNotFound, AuthenticationRequired,
    LicenseExpired, LicenseSuspended, LicenseInactive, ActivationLimitReached, MachineMismatch.
    """
    shown = machines.shown(hardware_id=hardware_id, signals=hardware_signals or {})
    found = lookup.get_for_holder(license_key=license_key, holder=holder, machine=shown.hardware_hash)
    lookup.refuse_unless_usable(found)
    with organization_context(found.organization_id):
        license_ = lock_license(license_id=found.id)
        is_new = admit(license_=license_, shown=shown, explicit=True, hardware_name=hardware_name, platform=platform)
    return Activated(found, is_new)


def recognise(*, found: FoundLicense, shown: Shown) -> bytes:
    """Return the name under which the machine that shows this is likely to have its leases, to ask the gate by.

    Only signals cost a look: a machine that shows its id alone is asked for by that. What its name is is decided when a
    lease is granted, by `name_of`. Raises MachineMismatch.
    """
    if not shown.more_than_id:
        return shown.hardware_hash
    with organization_context(found.organization_id):
        return _name(_recognise(license_id=found.id, shown=shown, policy=found.match_policy), shown)


def name_of(*, license_: License, shown: Shown) -> bytes:
    """Return the name under which the machine that shows this has its leases: the id that it was bound by.

    With the licence's row locked, so that it stays so; raises MachineMismatch.
    """
    return _name(_recognise(license_id=license_.id, shown=shown, policy=license_.match_policy), shown)


def _name(known: Activation | None, shown: Shown) -> bytes:
    return shown.hardware_hash if known is None else bytes(known.hardware_hash)


def admit(
    *,
    license_: License,
    shown: Shown,
    explicit: bool,
    hardware_name: str = "",
    platform: str = "",
) -> bool:
    """Bind a machine unless it is bound already; return whether it was bound now. Needs the licence's row lock.

    A machine that is known and shows other signals than before is known by those from now on. Raises ActivationRequired
    when the licence wants an `explicit` activation and this is none, ActivationLimitReached, MachineMismatch.
    """
    known = _recognise(license_id=license_.id, shown=shown, policy=license_.match_policy)
    if known is not None:
        _remember(known, shown)
        return False
    if license_.require_activation and not explicit:
        raise ActivationRequired
    activations = Activation.objects.filter(license=license_)
    if license_.max_activations is not None and activations.count() >= license_.max_activations:
        raise ActivationLimitReached
    activation = Activation.objects.create(
        id=new_id(),
        organization_id=license_.organization_id,
        license=license_,
        hardware_hash=shown.hardware_hash,
        signals=dict(shown.signals) if shown.more_than_id else {},
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


def _recognise(*, license_id: UUID, shown: Shown, policy: str) -> Activation | None:
    """Return the activation of the machine that shows this, or None for one that is new; raises MachineMismatch."""
    alike = Q(hardware_hash=shown.hardware_hash)
    for name, value in shown.signals.items():
        alike |= Q(signals__contains={name: value})
    candidates = list(Activation.objects.filter(alike, license_id=license_id).order_by("id"))
    known = machines.recognise(candidates, shown, policy)
    id_ = shown.hardware_hash
    taken = any(
        id_ == bytes(one.hardware_hash) or id_.hex() == machines.known_signals(one)[machines.HARDWARE_ID]
        for one in candidates
    )
    if known is None and taken:
        raise MachineMismatch
    return known


def _remember(activation: Activation, shown: Shown) -> None:
    """Know a machine by what it shows now: what it does not show is kept, what is new is added."""
    before = dict(machines.known_signals(activation))
    after = before | dict(shown.signals)
    if after == before:
        return
    activation.signals = after
    activation.save(update_fields=["signals"])
    audit.record(
        action="ACTIVATION_SIGNALS_CHANGED",
        organization_id=activation.organization_id,
        object_type="activation",
        object_id=activation.id,
        license_id=str(activation.license_id),
        changed=sorted(name for name in after if after[name] != before.get(name)),
    )


def remove(*, organization_id: UUID, license_id: UUID, activation_id: UUID, actor_id: UUID) -> None:
    """Unbind a machine: the lease it holds ends with it, and its seat is free at once, in the gate too.

    A machine that comes again is bound again, if the licence lets it. Raises LicenseNotFound, ActivationNotFound.
    """
    with organization_context(organization_id):
        lock_license(license_id=license_id)
        activation = get_activation(license_id=license_id, activation_id=activation_id)
        session_id: UUID | None = activation.session_id  # type: ignore[attr-defined]  # the selector adds it
        ended = session_id and record.release(
            organization_id=organization_id,
            session_id=session_id,
            lease_no=None,
            reason=EndReason.FORCED,
            actor_id=actor_id,
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
