"""Issues licences and keeps them in step with what is paid for."""

from datetime import datetime
from uuid import UUID

from config.kernel import clock
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from emails.catalogue import EmailKind
from emails.messages import Attachment
from emails.services import outbox
from licenses import files, keys, lookup
from licenses.models import License, LicenseStatus, SuspensionReason
from licenses.rules import Claim, claim
from licenses.selectors import describe
from licenses.services import file_signing, holders
from organizations.models import QuotaName
from organizations.selectors import get_organization, list_owners
from organizations.services import quotas
from subscriptions.models import LIVE_STATUSES, Subscription
from subscriptions.selectors import get_subscription
from users.services import audit


def apply_subscription(*, organization_id: UUID, subscription_id: UUID) -> None:
    """Bring the licence of a subscription to what it asks for now; issue it once the subscription has begun.

    Run by a job after each change of the subscription; running it again changes nothing.
    """
    with organization_context(organization_id):
        subscription = get_subscription(subscription_id=subscription_id, lock=True)
        asked = claim_of(subscription, clock.now())
        license_ = License.objects.select_for_update(no_key=True).filter(subscription=subscription).first()
        if asked is None or subscription.duplicate_of_id is not None:
            return
        if license_ is None:
            if subscription.status not in LIVE_STATUSES:
                return
            license_ = _issue(subscription)
        _follow(license_, subscription, asked)


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


def _follow(license_: License, subscription: Subscription, asked: Claim) -> None:
    before = _facts(license_)
    was = license_.status
    _copy_plan_and_period(license_, subscription)
    _stand(license_, subscription, asked)
    if asked.ends_sessions:
        holders.end_all(license_=license_)
    after = _facts(license_)
    if after == before:
        return
    license_.save()
    if LicenseStatus.INACTIVE in (was, license_.status) and was != license_.status:
        quotas.count(name=QuotaName.LICENSES, amount=-1 if license_.status == LicenseStatus.INACTIVE else 1)
    audit.record(
        action=_action(before, after),
        organization_id=license_.organization_id,
        object_type="license",
        object_id=license_.id,
        before=was,
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


def _stand(license_: License, subscription: Subscription, asked: Claim) -> None:
    """Set the status that is asked for; what an admin suspended stays so, with no grace, until an admin lifts it.

    A licence is inactive while its subscription has ended, for good, or while a renewal is owed and its grace is over:
    then paying brings it back.
    """
    status, grace = asked.status, asked.grace_period_ends_at
    if license_.suspension_reason == SuspensionReason.ADMIN and status != LicenseStatus.INACTIVE:
        status, grace = LicenseStatus.SUSPENDED, None
    now = subscription.stripe_fetched_at
    if status == LicenseStatus.ACTIVE:
        license_.suspension_reason = license_.suspended_at = license_.deactivated_at = None
    elif status == LicenseStatus.SUSPENDED:
        license_.suspension_reason = license_.suspension_reason or SuspensionReason.BILLING
        license_.suspended_at = license_.suspended_at or now
        license_.deactivated_at = None
    elif license_.status != LicenseStatus.INACTIVE:
        license_.deactivated_at = now
    license_.status, license_.grace_period_ends_at = status, grace


_Facts = tuple[object, ...]


def _facts(license_: License) -> _Facts:
    """Return what is passed on when it changes; the status comes first, the end of the paid period second."""
    return (
        license_.status,
        license_.expires_at,
        license_.grace_period_ends_at,
        license_.failed_payment_count,
        license_.last_renewal_at,
        license_.next_billing_date,
        license_.tier,
        license_.max_seats,
    )


def _action(before: _Facts, after: _Facts) -> str:
    status = after[0]
    if status == LicenseStatus.SUSPENDED:
        return "LICENSE_SUSPENDED"
    if status == LicenseStatus.INACTIVE:
        return "LICENSE_DEACTIVATED"
    return "LICENSE_RENEWED" if before[:2] != after[:2] else "LICENSE_CHANGED"


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
