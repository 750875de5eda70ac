"""Reads of the licenses app, inside an organization's context."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from config.kernel import clock
from config.kernel.tenancy import system_context
from licenses import rules
from licenses.errors import ActivationNotFound, LicenseNotFound
from licenses.models import Activation, License, LicenseSession, LicenseStatus, SignedFile
from licenses.rules import SeatCount


@dataclass(frozen=True)
class LicenseDetail:
    """A licence as its members see it: with its key in clear, its seats counted and its standing judged at `now`."""

    license: License
    license_key: str
    seats: SeatCount
    now: datetime

    @property
    def usable(self) -> bool:
        """Whether it may be used now."""
        return (
            rules.standing(
                status=self.license.status,
                expires_at=self.license.expires_at,
                grace_period_ends_at=self.license.grace_period_ends_at,
                now=self.now,
            )
            in rules.USABLE
        )


def list_licenses() -> QuerySet[License]:
    """Return the current organization's licences, newest first, each with `seats_used`."""
    live = live_sessions().filter(license=OuterRef("pk")).order_by().values("license")
    return License.objects.annotate(
        seats_used=Coalesce(Subquery(live.annotate(number=Count("pk")).values("number")), 0)
    ).order_by("-id")


def get_license(*, license_id: UUID) -> License:
    """Return a licence of the current organization; raises LicenseNotFound."""
    license_ = list_licenses().filter(id=license_id).first()
    if license_ is None:
        raise LicenseNotFound
    return license_


def usable() -> Q:
    """Return the condition that a licence may be used now: what `rules.standing` decides about one, asked of rows."""
    active = Q(status=LicenseStatus.ACTIVE) & (Q(expires_at=None) | Q(expires_at__gt=Now()))
    return active | Q(status=LicenseStatus.SUSPENDED, grace_period_ends_at__gt=Now())


def lock_license(*, license_id: UUID) -> License:
    """Return a licence of the current organization, its row locked as an acquire locks it; raises LicenseNotFound.

    Whatever changes what seats and machines are granted by takes this lock, and is thereby in order with every grant.
    """
    license_ = License.objects.select_for_update(no_key=True).filter(id=license_id).first()
    if license_ is None:
        raise LicenseNotFound
    return license_


def describe_one(*, license_id: UUID) -> LicenseDetail:
    """Return a licence of the current organization as its members see it; raises LicenseNotFound."""
    return describe([get_license(license_id=license_id)])[0]


def list_activations(*, license_id: UUID) -> QuerySet[Activation]:
    """Return the machines that a licence is bound to, each with the `session_id` of the lease it holds now, if any."""
    live = live_sessions().filter(license_id=license_id, hardware_hash=OuterRef("hardware_hash"))
    return (
        Activation.objects.filter(license_id=license_id)
        .annotate(session_id=Subquery(live.values("id")[:1]))
        .order_by("id")
    )


def get_activation(*, license_id: UUID, activation_id: UUID) -> Activation:
    """Return one of them; raises ActivationNotFound."""
    activation = list_activations(license_id=license_id).filter(id=activation_id).first()
    if activation is None:
        raise ActivationNotFound
    return activation


def find_by_subscription(*, subscription_id: UUID) -> License | None:
    """Return the licence that a subscription issued, or None."""
    return list_licenses().filter(subscription_id=subscription_id).first()


def live_sessions() -> QuerySet[LicenseSession]:
    """Return the sessions of the current organization whose leases run now, longest-held first."""
    return LicenseSession.objects.filter(ended_at=None, expires_at__gt=Now()).order_by("acquired_at")


def list_live_sessions(*, license_id: UUID) -> QuerySet[LicenseSession]:
    """Return who holds the seats of a licence now."""
    return live_sessions().filter(license_id=license_id)


def list_sessions(*, license_id: UUID) -> QuerySet[LicenseSession]:
    """Return the live and past sessions of a licence, last begun first, each with its machine's activation.

    Each row is looked at now: `looked_at`, `activation_id`, `machine` (the name it was activated under) and `platform`.
    """
    machine = Activation.objects.filter(license=OuterRef("license"), hardware_hash=OuterRef("hardware_hash")).order_by()
    return (
        LicenseSession.objects.filter(license_id=license_id)
        .annotate(
            looked_at=Now(),
            activation_id=Subquery(machine.values("id")),
            machine=Subquery(machine.values("hardware_name")),
            platform=Subquery(machine.values("platform")),
        )
        .order_by("-acquired_at")
    )


def signed_until(*, kid: str, stopped: datetime) -> datetime | None:
    """Return until when a licence file may be valid that this key signed; None: for ever.

    Known, not guessed: `services.file_signing` writes down each licence that a key signed a file of, and its end.
    """
    with system_context(reason="find out whether licence files of a key are valid"):
        found = SignedFile.objects.filter(kid=kid).aggregate(
            endless=Count("pk", filter=Q(valid_until=None)), latest=Max("valid_until")
        )
    return None if found["endless"] else max(stopped, found["latest"] or stopped)


def describe(licenses: Iterable[License]) -> list[LicenseDetail]:
    """Return licences with their keys opened; the organization's data key is read once for all of them."""
    rows = list(licenses)
    if not rows:
        return []
    now = clock.now()
    return [
        LicenseDetail(
            license=row,
            license_key=row.key,
            seats=SeatCount(used=getattr(row, "seats_used", 0), bought=row.max_seats, limit=rules.seat_limit(row)),
            now=now,
        )
        for row in rows
    ]
