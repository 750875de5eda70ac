"""The kinds of mail there are, and what each is filled with; each has a folder of templates of its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from emails.errors import WrongMailData


class EmailKind(StrEnum):
    """What a mail is about; the name of its folder of templates."""

    VERIFY_EMAIL = "verify_email"
    WELCOME = "welcome"
    PASSWORD_RESET = "password_reset"  # noqa: S105  (the name of a kind)
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    MFA_ENABLED = "mfa_enabled"
    MFA_DISABLED = "mfa_disabled"
    RECOVERY_CODE_USED = "recovery_code_used"
    EMAIL_CHANGE = "email_change"
    EMAIL_CHANGE_TAKEN = "email_change_taken"
    EMAIL_CHANGE_ASKED = "email_change_asked"
    EMAIL_CHANGED = "email_changed"
    FIREBASE_LINKED = "firebase_linked"
    INVITATION = "invitation"
    SUBSCRIPTION_CONFIRMED = "subscription_confirmed"
    SUBSCRIPTION_RENEWED = "subscription_renewed"
    SUBSCRIPTION_CANCELED = "subscription_canceled"
    TRIAL_ENDING = "trial_ending"
    PAYMENT_FAILED_WARNING = "payment_failed_warning"
    PAYMENT_FAILED_URGENT = "payment_failed_urgent"
    LICENSE_ISSUED = "license_issued"
    LICENSE_SUSPENDED = "license_suspended"


@dataclass(frozen=True)
class Variable:
    """Something a mail is filled with: text as it will be read, formatted by whoever queues it."""

    about: str
    example: str


VARIABLES = {
    "full_name": Variable("who the mail is to", "Ada Lovelace"),
    "provider": Variable("whom somebody signed in with at Firebase", "google.com"),
    "inviter": Variable("who invites", "Grace Hopper"),
    "role": Variable("the role that an invitation offers", "admin"),
    "organization_name": Variable("whose matter it is", "Analytical Engines"),
    "plan_name": Variable("what is paid for", "Pro"),
    "tier": Variable("the plan's slug, as the licence names it", "pro"),
    "max_seats": Variable("how many seats there are", "10"),
    "license_key": Variable("the whole key", "CODITECT-7F3K-9QWD-X2M4-HB6T-R8NA"),
    "amount": Variable("money with its currency", "$99.00"),
    "paid_until": Variable("the last day of the paid period", "4 December 2026"),
    "ends_on": Variable("the last day of a canceled subscription", "4 December 2026"),
    "trial_ends_on": Variable(
        "the day the trial ends; in subscription_confirmed empty without a trial", "18 November 2026"
    ),
    "grace_ends_on": Variable("the day until which a licence works unpaid", "11 November 2026"),
    "codes_left": Variable("how many recovery codes are left", "7"),
    "link": Variable("where the button leads", "https://cloud.coditect.example/link"),
}
"""Every variable that templates may name, each with one meaning in all of them."""


@dataclass(frozen=True)
class Kind:
    """What is to be known about a kind: the variables it needs, all of them and no other.

    `security` mails keep an account safe or give it back: they are tried even where mail bounced before.
    """

    variables: frozenset[str]
    security: bool = False


def _kind(variables: str, *, security: bool = False) -> Kind:
    return Kind(frozenset(variables.split()), security)


_BILLING = "full_name organization_name plan_name link"

KINDS = {
    EmailKind.VERIFY_EMAIL: _kind("full_name link", security=True),
    EmailKind.WELCOME: _kind("full_name organization_name link"),
    EmailKind.PASSWORD_RESET: _kind("full_name link", security=True),
    EmailKind.PASSWORD_CHANGED: _kind("full_name", security=True),
    EmailKind.MFA_ENABLED: _kind("full_name", security=True),
    EmailKind.MFA_DISABLED: _kind("full_name", security=True),
    EmailKind.RECOVERY_CODE_USED: _kind("full_name codes_left", security=True),
    EmailKind.EMAIL_CHANGE: _kind("full_name link", security=True),
    # To the holder of the address, who is not the one who asked, and learns nothing about them.
    EmailKind.EMAIL_CHANGE_TAKEN: _kind("", security=True),
    EmailKind.EMAIL_CHANGE_ASKED: _kind("full_name", security=True),
    EmailKind.EMAIL_CHANGED: _kind("full_name", security=True),
    EmailKind.FIREBASE_LINKED: _kind("full_name provider", security=True),
    EmailKind.INVITATION: _kind("inviter organization_name role link"),
    EmailKind.SUBSCRIPTION_CONFIRMED: _kind("full_name organization_name plan_name max_seats trial_ends_on"),
    EmailKind.SUBSCRIPTION_RENEWED: _kind(f"{_BILLING} amount paid_until"),
    EmailKind.SUBSCRIPTION_CANCELED: _kind(f"{_BILLING} ends_on"),
    EmailKind.TRIAL_ENDING: _kind(f"{_BILLING} amount trial_ends_on"),
    EmailKind.PAYMENT_FAILED_WARNING: _kind(f"{_BILLING} amount grace_ends_on"),
    EmailKind.PAYMENT_FAILED_URGENT: _kind(f"{_BILLING} amount grace_ends_on"),
    EmailKind.LICENSE_ISSUED: _kind("full_name organization_name tier max_seats license_key"),
    EmailKind.LICENSE_SUSPENDED: _kind(f"{_BILLING} amount"),
}


def check(*, kind: EmailKind, data: Mapping[str, object]) -> None:
    """Raise WrongMailData unless `data` is exactly what the kind is filled with, each of it text or a number."""
    declared = KINDS[kind].variables
    faults = [f"{name} is missing" for name in sorted(declared - data.keys())]
    faults += [f"{name} is not declared" for name in sorted(data.keys() - declared)]
    faults += [
        f"{name} is {type(value).__name__}"
        for name, value in data.items()
        if not isinstance(value, str | int) or isinstance(value, bool)
    ]
    if faults:
        raise WrongMailData(f"a mail of kind {kind} cannot be filled: {', '.join(faults)}")
