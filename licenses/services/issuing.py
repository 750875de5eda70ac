"""Issues licences and keeps them in step with what is paid for."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from config.kernel import clock
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from emails.catalogue import EmailKind
from emails.messages import Attachment
from emails.services import outbox
from licenses import files, keys, lookup
from licenses.models import License, LicenseStatus
from licenses.rules import Claim, claim
from licenses.selectors import describe
from licenses.services import file_signing, holders, statuses
from licenses.transitions import STORED, State, Verb, after
from organizations.models import OrganizationStatus, QuotaName
from organizations.selectors import get_organization, list_owners
from organizations.services import quotas
from subscriptions.models import LIVE_STATUSES, Subscription
from subscriptions.selectors import get_subscription
from users.services import audit


def apply_subscription(*, organization_id: UUID, subscription_id: UUID) -> None:
    """Bring the licence of a subscription to what it asks for now; issue it once the subscription has begun.

    For an organization that was closed it asks for the licence's end, whatever it is that is still paid for.
    Run by a job after each change of the subscription; running it again changes nothing.
    """
    with organization_context(organization_id):
        subscription = get_subscription(subscription_id=subscription_id, lock=True)
        closed = get_organization(organization_id=organization_id).status == OrganizationStatus.CLOSED
        asked = Claim(Verb.END, ends_sessions=True) if closed else claim_of(subscription, clock.now())
        license_ = License.objects.select_for_update(no_key=True).filter(subscription=subscription).first()
        if asked is None or subscription.duplicate_of_id is not None:
            return
        if license_ is None:
            if closed or subscription.status not in LIVE_STATUSES:
                return
            license_ = _issue(subscription)
        follow(license_, subscription, asked)


def claim_of(subscription: Subscription, now: datetime) -> Claim | None:
    """Return what a subscription asks of its licence at this moment; None as long as it has not begun."""
    return claim(
        status=subscription.status,
        failed_payment_count=subscription.failed_payment_count,
        grace_period_ends_at=subscription.grace_period_ends_at,
        payment_returned=subscription.payment_returned,
        now=now,
    )


def _issue(subscription: Subscription) -> License:
    """Make the subscription's licence; the one-to-one constraint makes a second one impossible."""
    license_id = new_id()
    key = keys.generate()
    plan = subscription.plan
    license_ = License.objects.create(
        id=license_id,
        organization_id=subscription.organization_id,
        subscription=subscription,
        status=STORED[after(State.UNISSUED, Verb.ISSUE)][0],
        key_hash=lookup.key_hash(key),
        key=key,
        tier=plan.slug,
        features=plan.features,
        max_seats=plan.max_seats,
        expires_at=subscription.paid_until,
        last_renewal_at=subscription.last_paid_at,
        next_billing_date=subscription.current_period_end,
    )
    audit.record(
        action="LICENSE_ISSUED",
        organization_id=subscription.organization_id,
        object_type="license",
        object_id=license_id,
        tier=plan.slug,
    )
    # Counted, not taken: what has been paid for is never refused; a checkout is, before anybody pays.
    quotas.count(name=QuotaName.LICENSES, amount=1)
    _tell_owners(license_)
    return license_


def follow(license_: License, subscription: Subscription, asked: Claim) -> None:
    """Bring a licence to what its subscription asks for; needs the row locks of both. Nothing new writes nothing."""
    before, was = _facts(license_), statuses.state(license_)
    _copy_plan_and_period(license_, subscription)
    now = statuses.move(
        license_=license_,
        verb=asked.verb,
        at=subscription.stripe_fetched_at,
        grace_period_ends_at=asked.grace_period_ends_at,
    )
    if asked.ends_sessions:
        holders.end_all(license_=license_)
    facts = _facts(license_)
    if facts == before:
        return
    license_.save()
    ended = LicenseStatus.INACTIVE
    if ended in (before.status, facts.status) and before.status != facts.status:
        quotas.count(name=QuotaName.LICENSES, amount=-1 if facts.status == ended else 1)
    audit.record(
        action=_action(was, now, before, facts),
        organization_id=license_.organization_id,
        object_type="license",
        object_id=license_.id,
        before=before.status,
        status=license_.status,
        failed_payments=license_.failed_payment_count,
    )


def _copy_plan_and_period(license_: License, subscription: Subscription) -> None:
    plan = subscription.plan
    license_.tier, license_.features, license_.max_seats = plan.slug, plan.features, plan.max_seats
    license_.expires_at = subscription.paid_until
    license_.last_renewal_at = subscription.last_paid_at
    license_.next_billing_date = subscription.current_period_end if subscription.status in LIVE_STATUSES else None
    license_.failed_payment_count = subscription.failed_payment_count


class _Facts(NamedTuple):
    """What is passed on when it changes."""

    status: str
    expires_at: datetime | None
    grace_period_ends_at: datetime | None
    failed_payment_count: int
    last_renewal_at: datetime | None
    next_billing_date: datetime | None
    tier: str
    features: dict[str, Any]
    max_seats: int


def _facts(license_: License) -> _Facts:
    return _Facts(*(getattr(license_, name) for name in _Facts._fields))


def _action(was: State, now: State, before: _Facts, facts: _Facts) -> str:
    """Return what the audit log calls a change; each step of dunning is a suspension of its own."""
    if now in (State.IN_GRACE, State.UNPAID) or (now is State.HELD and was is not State.HELD):
        return "LICENSE_SUSPENDED"
    if facts.status == LicenseStatus.INACTIVE:
        return "LICENSE_DEACTIVATED"
    renewed = (before.status, before.expires_at) != (facts.status, facts.expires_at)
    return "LICENSE_RENEWED" if renewed else "LICENSE_CHANGED"


def _tell_owners(license_: License) -> None:
    organization = get_organization(organization_id=license_.organization_id)
    license_.refresh_from_db(fields=["issued_at"])
    detail = describe([license_])[0]
    file = Attachment(files.FILENAME, files.CONTENT_TYPE, file_signing.sign(detail=detail))
    for owner in list_owners(organization_id=organization.id):
        outbox.queue(
            organization_id=organization.id,
            kind=EmailKind.LICENSE_ISSUED,
            recipient=owner.email,
            dedup_key=f"license_issued:{license_.id}:{owner.id}",
            data={
                "full_name": owner.full_name,
                "organization_name": organization.name,
                "license_key": detail.license_key,
                "tier": license_.tier,
                "max_seats": license_.max_seats,
            },
            attachments=(file,),
        )
