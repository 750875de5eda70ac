"""Quotas: opened with the organization, set by its plan, and taken from by one conditional UPDATE.

Everything here is called inside the organization's context, in the transaction of what is counted: a change that is
rolled back has used nothing. It locks the quota's row until the end, so take late.
"""

from uuid import UUID

from django.db.models import F, Q

from organizations.errors import QuotaExceeded
from organizations.models import Organization, Quota, QuotaName
from organizations.models.quota import FREE_TIER


def open_for(*, organization: Organization) -> None:
    """Give a new organization the quotas of the free tier; its owner is its one member."""
    Quota.objects.bulk_create(
        Quota(organization=organization, name=name, allowed=FREE_TIER[name], used=name is QuotaName.MEMBERS)
        for name in QuotaName
    )


def take(*, name: QuotaName, amount: int = 1) -> None:
    """Use some of the current organization's quota, or raise QuotaExceeded; of callers at once none goes over it."""
    left = Q(allowed=None) | Q(allowed__gte=F("used") + amount)
    if not Quota.objects.filter(left, name=name).update(used=F("used") + amount):
        raise exceeded(Quota.objects.get(name=name))


def count(*, name: QuotaName, amount: int) -> None:
    """Count what is there in any case: what was paid for (a licence), or given back (a negative amount)."""
    Quota.objects.filter(name=name).update(used=F("used") + amount)


def set_allowances(*, organization_id: UUID, allowances: dict[str, int | None] | None) -> None:
    """Set what a plan allows (None: no plan, so the free tier); what a plan does not name it does not limit."""
    allowed = FREE_TIER if allowances is None else allowances
    for quota in Quota.objects.filter(organization_id=organization_id):
        if quota.allowed != allowed.get(quota.name):
            Quota.objects.filter(id=quota.id).update(allowed=allowed.get(quota.name))


def leave_room(*, name: QuotaName, allowances: dict[str, int | None]) -> None:
    """Raise QuotaExceeded unless a plan with these allowances has room for one more than there is."""
    quota = Quota.objects.get(name=name)
    quota.allowed = allowances.get(name)
    if quota.allowed is not None and quota.used >= quota.allowed:
        raise exceeded(quota)


def exceeded(quota: Quota) -> QuotaExceeded:
    """Return the failure that names a quota and how it stands."""
    return QuotaExceeded(quota=quota.name, limit=quota.allowed, used=quota.used)
