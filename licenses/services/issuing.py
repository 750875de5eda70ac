"""Issues licences and keeps them in step with what is paid for."""

from uuid import UUID

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from emails.catalogue import EmailKind
from emails.messages import Attachment
from emails.services import outbox
from licenses import files, keys, lookup
from licenses.models import License, LicenseStatus, SuspensionReason
from licenses.rules import EFFECTS, Effect
from licenses.selectors import describe
from licenses.services import file_signing, holders
from organizations.models import QuotaName
from organizations.selectors import get_organization, list_owners
from organizations.services import quotas
from subscriptions.models import Subscription
from subscriptions.selectors import get_subscription
from users.services import audit


def apply_subscription(*, organization_id: UUID, subscription_id: UUID) -> None:
    """Bring the licence of a subscription to what its status asks for; issue it the first time it is paid or on trial.

    Run by a job after each change of the subscription; running it again changes nothing.
    """
    with organization_context(organization_id):
        subscription = get_subscription(subscription_id=subscription_id, lock=True)
        license_ = License.objects.select_for_update(no_key=True).filter(subscription=subscription).first()
        effect = EFFECTS[subscription.status]
        if license_ is None:
            if effect is Effect.ACTIVATE:
                _issue(subscription)
            return
        _update(license_, subscription, effect)


def _issue(subscription: Subscription) -> None:
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
        expires_at=subscription.current_period_end,
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


def _update(license_: License, subscription: Subscription, effect: Effect) -> None:
    before = (license_.status, license_.expires_at, license_.tier, license_.max_seats)
    if effect is Effect.ACTIVATE:
        _activate(license_, subscription)
    elif effect is Effect.SUSPEND and license_.status == LicenseStatus.ACTIVE:
        license_.status = LicenseStatus.SUSPENDED
        license_.suspension_reason = SuspensionReason.BILLING
        license_.suspended_at = subscription.stripe_fetched_at
        license_.grace_period_ends_at = None
    elif effect is Effect.DEACTIVATE and license_.status != LicenseStatus.INACTIVE:
        license_.status = LicenseStatus.INACTIVE
        license_.deactivated_at = subscription.stripe_fetched_at
        license_.next_billing_date = None
        holders.end_all(license_=license_)
        quotas.count(name=QuotaName.LICENSES, amount=-1)
    after = (license_.status, license_.expires_at, license_.tier, license_.max_seats)
    if after == before:
        return
    license_.save()
    audit.record(
        action=_ACTIONS.get(LicenseStatus(license_.status), "LICENSE_RENEWED"),
        organization_id=license_.organization_id,
        object_type="license",
        object_id=license_.id,
        status=license_.status,
    )


_ACTIONS = {LicenseStatus.SUSPENDED: "LICENSE_SUSPENDED", LicenseStatus.INACTIVE: "LICENSE_DEACTIVATED"}


def _activate(license_: License, subscription: Subscription) -> None:
    """Carry plan and paid period over; lift a suspension only if billing made it. An ended licence stays ended."""
    if license_.status == LicenseStatus.INACTIVE:
        return
    license_.tier = subscription.plan.slug
    license_.features = subscription.plan.features
    license_.max_seats = subscription.plan.max_seats
    license_.next_billing_date = subscription.current_period_end
    if license_.expires_at is None or (
        subscription.current_period_end is not None and subscription.current_period_end > license_.expires_at
    ):
        license_.expires_at = subscription.current_period_end
        license_.last_renewal_at = subscription.stripe_fetched_at
    if license_.status == LicenseStatus.SUSPENDED and license_.suspension_reason == SuspensionReason.BILLING:
        license_.status = LicenseStatus.ACTIVE
        license_.suspension_reason = None
        license_.suspended_at = None
        license_.grace_period_ends_at = None
        license_.failed_payment_count = 0


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
