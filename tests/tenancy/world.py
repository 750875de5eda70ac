"""An organization with something in every table, so that there is something to see wherever a wall is missing."""

from dataclasses import dataclass
from typing import Any

from rest_framework.test import APIClient

from config.kernel.ids import new_id
from tests import audit_trail, authenticator_app, journey
from tests.api.beneath import as_owner, join
from tests.api.issued import licensed
from tests.api.raw import quiet
from tests.invitations import invite
from tests.journey import Customer, Licensed


@dataclass(frozen=True)
class World:
    """One organization: its people and what they know. Every word in it that a person wrote begins with its name."""

    name: str
    owner: Customer
    member: Customer
    slug: str
    license_key: str
    signed_token: str
    stripe_session: str
    invitation_token: str
    verification_token: str

    @property
    def organization_id(self) -> str:
        """The organization's id."""
        return self.owner.organization_id

    @property
    def idempotency_key(self) -> str:
        """A key that the owner has sent a request with."""
        return f"sent-by-{self.name}"


def settle(name: str) -> World:
    """Found an organization, with a row in every table that an organization can have rows in."""
    owner, verification_token = _person(name, "owner")
    member, _ = _person(name, "member")
    base = f"/api/v1/organizations/{owner.organization_id}"
    stripe_session = _made(owner.api.post("/api/v1/checkout/session", {"plan_id": "starter"}))["session_id"]
    license_key = _with_a_new_key(owner, licensed(customer=owner))
    as_owner("update organizations_quota set allowed = null where organization_id = %s", owner.organization_id)
    _remember_purchase(owner.organization_id)
    invitation_token = invite(owner, f"{name}-guest@example.com")
    # Members join by a row: an invitation for each would take a run of the jobs.
    join(owner.organization_id, member.user_id, "member")
    as_owner("update users_user set default_organization_id = %s where id = %s", owner.organization_id, member.user_id)
    team = _made(owner.api.post(f"{base}/teams", {"name": f"{name} compilers"}))
    assert owner.api.post(f"{base}/teams/{team['id']}/members", {"user_id": member.user_id}).status_code == 204
    # By a row, as is all that it takes another's servers to bring about.
    as_owner(
        "insert into users_firebaseidentity (id, user_id, project_id, uid, created_at) values (%s, %s, %s, %s, now())",
        new_id(),
        owner.user_id,
        "coditect",
        f"{name}-at-firebase",
    )
    _let_vendors_tell(owner.organization_id, name)
    _remember_usage(owner.organization_id, name)
    # Last, so that what came before needed no code: a second factor, a sign-in that waits for it, a sealed audit log.
    authenticator_app.enable(owner)
    authenticator_app.password_step(owner.email)
    audit_trail.seal()
    return World(
        name=name,
        owner=owner,
        member=member,
        slug=as_owner("select slug from organizations_organization where id = %s", owner.organization_id)[0][0],
        license_key=license_key,
        signed_token=_seats(owner, license_key, name),
        stripe_session=stripe_session,
        invitation_token=invitation_token,
        verification_token=verification_token,
    )


def _person(name: str, role: str) -> tuple[Customer, str]:
    """Sign somebody up; return them, with a client that takes a 500 for an answer, and the token they verified by."""
    email = f"{name}-{role}@example.com"
    api = APIClient()
    made = journey.register(api, email=email, full_name=f"{name} {role}", company_name=f"{name} works")
    assert api.get(f"/api/v1/auth/verify-email/{made['verification_token']}").status_code == 200
    tokens = api.post("/api/v1/auth/login", {"email": email, "password": journey.PASSWORD}).json()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    customer = Customer(quiet(api), email, made["user_id"], made["organization_id"], tokens["refresh"])
    return customer, made["verification_token"]


def _seats(owner: Customer, license_key: str, name: str) -> str:
    """Activate a machine, hold a seat on it and give one of another machine back; return the live seat's token."""
    body = {"license_key": license_key, "hardware_id": f"{name}-machine-1"}
    named = {**body, "hardware_name": f"{name} laptop"}
    _made(owner.api.post("/api/v1/licenses/activate", named, headers={"Idempotency-Key": f"sent-by-{name}"}))
    live = _made(owner.api.post("/api/v1/licenses/acquire", body))
    past = _made(owner.api.post("/api/v1/licenses/acquire", body | {"hardware_id": f"{name}-machine-2"}))
    given_back = {"session_id": past["session_id"], "signed_token": past["signed_token"]}
    assert owner.api.post("/api/v1/licenses/release", given_back).status_code == 204
    return str(live["signed_token"])


def _with_a_new_key(owner: Customer, made: Licensed) -> str:
    """Replace a licence's key, so that there is an old one that still works; return the new one."""
    answer = owner.api.post(f"/api/v1/licenses/{made.license_id}/rotate-key", {"overlap_hours": 1})
    assert answer.status_code == 200, answer.content
    return str(answer.json()["license_key"])


def _remember_purchase(organization_id: str) -> None:
    """Let the visit to Checkout have ended in the subscription, long enough ago for its key to be the members' only."""
    as_owner(
        "update subscriptions_checkoutsession c set status = 'completed', subscription_id = s.id, "
        "completed_at = now() - interval '1 day' from subscriptions_subscription s "
        "where s.organization_id = c.organization_id and c.organization_id = %s",
        organization_id,
    )


def _let_vendors_tell(organization_id: str, name: str) -> None:
    """Let Stripe have told of an invoice and of a refund, and SendGrid of an address that bounced."""
    ((subscription_id,),) = as_owner(
        "select id from subscriptions_subscription where organization_id = %s", organization_id
    )
    as_owner(
        "insert into subscriptions_invoice (id, organization_id, subscription_id, stripe_invoice_id, billing_reason, "
        "status, currency, amount_due, amount_paid, attempt_count, stripe_created_at, hosted_invoice_url, number, "
        "paid_back, told_attempts, told_paid) values "
        "(%s, %s, %s, %s, 'subscription_cycle', 'paid', 'usd', 2900, 2900, 1, now(), '', %s, false, 0, true)",
        new_id(), organization_id, subscription_id, f"in_of_{name}", f"{name}-0001",
    )  # fmt: skip
    as_owner(
        "insert into subscriptions_billingflag (id, organization_id, subscription_id, kind, stripe_object_id, "
        "raised_at) values (%s, %s, %s, 'full_refund', %s, now())",
        new_id(), organization_id, subscription_id, f"ch_of_{name}",
    )  # fmt: skip
    as_owner(
        "insert into emails_suppressedaddress (id, organization_id, address_hash, reason, email_id, created_at) "
        "values (%s, %s, %s, 'bounced', %s, now())",
        new_id(), organization_id, name.encode().ljust(32), new_id(),
    )  # fmt: skip


def _remember_usage(organization_id: str, name: str) -> None:
    """Let a day of use be closed, and a caller have been refused a seat on it."""
    ((license_id,),) = as_owner("select id from licenses_license where organization_id = %s", organization_id)
    as_owner(
        "insert into licenses_dailyusage (id, organization_id, license_id, day, peak_seats, sessions, leased, "
        "ended_sessions, ended_leased) values (%s, %s, %s, current_date - 1, 1, 1, '1 hour', 1, '1 hour')",
        new_id(), organization_id, license_id,
    )  # fmt: skip
    as_owner("insert into licenses_usageprogress values (%s, current_date - 1)", organization_id)
    as_owner(
        "insert into licenses_denialcount (id, organization_id, license_id, day, source, count) "
        "values (%s, %s, %s, current_date - 1, %s, 1)",
        new_id(), organization_id, license_id, f"reservation:of-{name}",
    )  # fmt: skip


def _made(answer: Any) -> Any:
    assert answer.status_code == 201, answer.content
    return answer.json()
