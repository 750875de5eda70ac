"""Every failure of the subscriptions app."""

from config.kernel.errors import DependencyUnavailable, DomainError, Kind


class PlanNotFound(DomainError):
    """No public plan has this id or slug."""

    kind = Kind.NOT_FOUND
    code = "plan_not_found"
    detail = "There is no such plan."


class SubscriptionExists(DomainError):
    """The organization has a live subscription; a second one would be charged as well."""

    kind = Kind.CONFLICT
    code = "subscription_exists"
    detail = "This organization has a subscription already. Change its plan instead."


class RedirectNotAllowed(DomainError):
    """Checkout may send people back to allow-listed origins only."""

    code = "redirect_not_allowed"
    detail = "Checkout does not return to this address. Its origin is not on the list of allowed ones."
    attr = "success_url"


class CancelRedirectNotAllowed(RedirectNotAllowed):
    """The same of the address for people who leave the page."""

    attr = "cancel_url"


class CheckoutNotFound(DomainError):
    """No Checkout session has this id."""

    kind = Kind.NOT_FOUND
    code = "checkout_not_found"
    detail = "There is no such checkout session."


class CheckoutUnderWay(DomainError):
    """Somebody of the organization opens another checkout at this very moment; one of the two has to wait."""

    kind = Kind.CONFLICT
    code = "checkout_under_way"
    detail = "Another checkout of your organization is being opened at this moment. Try again shortly."


class SubscriptionNotFound(DomainError):
    """The organization has no subscription of this id."""

    kind = Kind.NOT_FOUND
    code = "subscription_not_found"
    detail = "There is no such subscription."


class SubscriptionEnded(DomainError):
    """What has ended is not taken up again: a new checkout makes a new subscription."""

    kind = Kind.CONFLICT
    code = "subscription_ended"
    detail = "This subscription has ended. Buy a plan to have another."


class SubscriptionEnding(DomainError):
    """It ends with its period: another plan would never come to be."""

    kind = Kind.CONFLICT
    code = "subscription_ending"
    detail = "This subscription is about to end. Resume it before you change its plan."


class SubscriptionNotChangeable(DomainError):
    """Its plan can be changed while it is on trial or paid, and not while something is owed."""

    kind = Kind.CONFLICT
    code = "subscription_not_changeable"
    detail = "The plan can be changed once what is owed has been paid."


class PlanChangeUnderWay(DomainError):
    """The period ends within the hour, and the smaller plan is being put in place."""

    kind = Kind.CONFLICT
    code = "plan_change_under_way"
    detail = "A change of plan is taking place. Try again when the next period has begun."


class OtherPlanChange(DomainError):
    """Somebody of the organization asks for another plan at this very moment; one of the two has to wait and look."""

    kind = Kind.CONFLICT
    code = "other_plan_change"
    detail = "Another change of this subscription's plan is being made at this moment. See what came of it first."


class NothingBought(DomainError):
    """The organization never had a subscription, so that there is nothing to manage at Stripe."""

    kind = Kind.CONFLICT
    code = "no_subscription"
    detail = "Your organization has not bought anything yet."


class PortalRedirectNotAllowed(RedirectNotAllowed):
    """The same of the address that the billing portal leads back to."""

    attr = "return_url"
    detail = "The portal does not return to this address. Its origin is not on the list of allowed ones."


class WebhookRefused(DomainError):
    """The body is not a fresh event signed by Stripe with one of our secrets."""

    code = "webhook_signature_invalid"
    detail = "The signature does not fit."


class WebhookOfOtherMode(WebhookRefused):
    """An event of Stripe's test mode reached the live service, or the other way round: it is not ours."""

    code = "webhook_livemode_mismatch"
    detail = "The event is not of this service's mode."


class WebhookEventNotFound(DomainError):
    """No stored event has this id."""

    kind = Kind.NOT_FOUND
    code = "webhook_event_not_found"
    detail = "There is no such webhook event."


class WebhookEventForgotten(DomainError):
    """The event was applied long ago, and its payload is gone."""

    kind = Kind.GONE
    code = "webhook_event_forgotten"
    detail = "The payload of this event has been deleted; it cannot be applied again."


class PaymentProviderUnavailable(DependencyUnavailable):
    """Stripe did not answer, or said that it cannot right now."""

    code = "payment_provider_unavailable"
    detail = "The payment provider does not answer right now. Try again shortly."


class PaymentDeclined(DomainError):
    """The customer's bank said no."""

    kind = Kind.OVER_QUOTA
    code = "payment_declined"
    detail = "The payment was declined. Use another payment method."


class EventNotApplicable(Exception):
    """An event that cannot be applied (yet); it is tried again, then set aside for a person."""
