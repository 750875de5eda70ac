"""Grants a seat together with what it needs: the machine's activation, or the end of its member's seat elsewhere."""

from functools import partial
from uuid import UUID

from django.db import transaction

from config.kernel.tenancy import organization_context
from licenses.errors import AuthenticationRequired, SessionNotFound
from licenses.lookup import FoundLicense
from licenses.machines import Shown
from licenses.models import EndReason, License, LicenseSession
from licenses.seats import record
from licenses.seats.record import Granted, NotActivated, Outcome
from licenses.seats.store import Lease
from licenses.services import activation


def admit_and_acquire(
    found: FoundLicense, *, shown: Shown, user_id: UUID | None, takeover: UUID | None
) -> tuple[Outcome | None, Lease | None]:
    """Let the record decide under one lock; return its outcome, and the lease that was ended for it.

    Bound in the same transaction: a machine that asks for the first time, or shows new signals. With `takeover`, the id
    of a session of the member's on this licence, that session ends and its seat is this machine's, both or neither: one
    that is over already, or this machine's own, is left as it is, so asking again after a lost answer gives the same
    seat. What is refused leaves nothing behind.

    Raises AuthenticationRequired for nobody in particular who would take over, SessionNotFound for a session of anybody
    else or of another licence, ActivationRequired, ActivationLimitReached, MachineMismatch.
    """

    with organization_context(found.organization_id):
        license_ = License.objects.select_for_update(no_key=True).get(id=found.id)
        machine = activation.name_of(license_=license_, shown=shown)
        ask = partial(
            record.acquire,
            organization_id=found.organization_id,
            license_id=found.id,
            hardware_hash=machine,
            user_id=user_id,
        )
        ended = None if takeover is None else _end(license_, session_id=takeover, user_id=user_id, machine=machine)
        outcome: Outcome | None = ask()
        if isinstance(outcome, Granted | NotActivated):
            activation.admit(license_=license_, shown=shown, explicit=False)
        if isinstance(outcome, NotActivated):
            outcome = ask()
        if not isinstance(outcome, Granted):
            # Whoever gets no new seat keeps the old one.
            transaction.set_rollback(True)
            ended = None
    return outcome, ended


def _end(license_: License, *, session_id: UUID, user_id: UUID | None, machine: bytes) -> Lease | None:
    """End the member's session on another machine and return its lease, None where nothing was to end."""
    if user_id is None:
        raise AuthenticationRequired
    session = LicenseSession.objects.filter(id=session_id, license=license_, user_id=user_id).first()
    if session is None:
        raise SessionNotFound
    if bytes(session.hardware_hash) == machine:
        return None
    ended = record.release(
        organization_id=license_.organization_id,
        session_id=session_id,
        lease_no=None,
        reason=EndReason.TAKEN_OVER,
        actor_id=user_id,
    )
    return None if ended is None else ended[1]
