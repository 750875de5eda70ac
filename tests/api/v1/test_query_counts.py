"""How many statements each route sends to PostgreSQL: pinned, so that a loop of queries cannot slip in."""

from uuid import UUID

import pytest

from config.kernel import clock
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses.services import issuing
from subscriptions.models import Plan, Subscription
from tests import journey, stripe_account
from tests.api.issued import licensed
from tests.audit_trail import append_many, seal
from tests.authenticator_app import enable, finish, pass_half_a_minute, password_step
from tests.journey import Licensed
from tests.query_counts import statements

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence and two seats taken, at whose requests everything is warm."""
    made = licensed()
    for number in range(2):
        body = {"license_key": made.license_key, "hardware_id": f"machine-000{number}"}
        assert made.customer.api.post("/api/v1/licenses/acquire", body).status_code == 201
    return made


class TestStatements:
    def test_of_account_routes(self) -> None:
        customer = journey.sign_up()
        api, login = customer.api, {"email": customer.email, "password": journey.PASSWORD}
        with statements(12):
            made = journey.register(api)
        with statements(11):
            api.get(f"/api/v1/auth/verify-email/{made['verification_token']}")
        with statements(4):
            refresh = api.post("/api/v1/auth/login", login).json()["refresh"]
        with statements(3):
            refresh = api.post("/api/v1/auth/token/refresh", {"refresh": refresh}).json()["refresh"]
        with statements(4):
            api.post("/api/v1/auth/logout", {"refresh": refresh})
        with statements(2):
            api.get("/api/v1/auth/me")

    def test_of_two_factor_routes(self) -> None:
        secured = enable(journey.sign_up())
        api, email = secured.customer.api, secured.customer.email
        with statements(3):
            api.get("/api/v1/auth/mfa")
        with statements(4):
            token = password_step(email)
        with statements(11):
            assert finish(token, code=secured.app.code()).status_code == 200
        token = password_step(email)
        with statements(12):
            assert finish(token, recovery_code=secured.recovery_codes[0]).status_code == 200
        pass_half_a_minute()
        code = secured.app.code()
        with statements(10):
            assert api.post("/api/v1/auth/step-up", {"code": code}).status_code == 204
        with statements(6):
            assert api.post("/api/v1/auth/mfa/recovery-codes").status_code == 201

    def test_of_a_change_of_address(self) -> None:
        customer, other = journey.sign_up(), journey.sign_up()
        for email in ("countess@example.com", other.email):
            with statements(11):  # taken or not
                customer.api.post("/api/v1/auth/change-email", {"email": email})

    def test_of_organization_routes(self) -> None:
        customer = journey.sign_up()
        base = f"/api/v1/organizations/{customer.organization_id}"
        with statements(3):
            customer.api.get("/api/v1/auth/sessions")
        with statements(2):
            customer.api.get("/api/v1/organizations")
        for number in range(2):
            customer.api.post(f"{base}/teams", {"name": f"Team {number}"})
            customer.api.post(f"{base}/invitations", {"email": f"guest{number}@example.com"})
        with statements(4):
            customer.api.get(f"{base}/usage")
        for listed in ("members", "invitations", "teams"):
            with statements(5):
                customer.api.get(f"{base}/{listed}")

    def test_of_the_audit_log_do_not_grow_with_its_entries(self) -> None:
        customer = journey.sign_up()
        append_many(UUID(customer.organization_id), 300)
        seal()
        with statements(4):
            assert len(customer.api.get("/api/v1/audit?page_size=200").json()["results"]) == 200
        with statements(4):
            customer.api.get("/api/v1/audit/export")

    def test_of_public_routes(self, made: Licensed) -> None:
        api = made.customer.api
        with statements(2):
            api.get("/api/v1/plans")
        with statements(1):
            api.get("/api/v1/plans/pro")
        with statements(1):
            api.post("/api/v1/licenses/validate", {"license_key": made.license_key, "hardware_id": "machine-0001"})
        with statements(0):
            api.get("/.well-known/jwks.json")
        with statements(0):
            api.get("/health/live")

    def test_of_licence_routes(self, made: Licensed) -> None:
        api = made.customer.api
        with statements(7):
            api.get("/api/v1/licenses")
        with statements(7):
            api.get(f"/api/v1/licenses/{made.license_id}")
        with statements(7):
            api.get(f"/api/v1/licenses/{made.license_id}/download")
        with statements(2):
            api.get(f"/api/v1/licenses/{made.license_key}/status")
        with statements(5):
            body = {"license_key": made.license_key, "hardware_id": "machine-0001"}
            api.post("/api/v1/licenses/activate", body)

    def test_of_lists_do_not_grow_with_their_rows(self, made: Licensed) -> None:
        organization_id = UUID(made.customer.organization_id)
        with organization_context(organization_id):
            Subscription.objects.update(status="canceled")
        licensed_again(made)
        with statements(7):
            assert made.customer.api.get("/api/v1/licenses").json()["count"] == 2
        with statements(5):
            assert made.customer.api.get("/api/v1/subscriptions").json()["count"] == 2

    def test_of_seat_routes(self, made: Licensed) -> None:
        api = made.customer.api
        body = {"license_key": made.license_key, "hardware_id": "machine-0003"}
        with statements(11):  # a machine that is new to the licence
            seat = api.post("/api/v1/licenses/acquire", body).json()
        with statements(3):
            seat = api.post("/api/v1/licenses/acquire", body).json()
        beat = {"session_id": seat["session_id"], "signed_token": seat["signed_token"]}
        with statements(1):
            api.post("/api/v1/licenses/heartbeat", beat)
        with statements(1):
            api.post("/api/v1/licenses/release", beat)
        with statements(1):
            refused = api.post("/api/v1/licenses/heartbeat", beat)
        assert refused.status_code == 410
        with statements(3):
            assert api.post("/api/v1/licenses/acquire", body).status_code == 201

    def test_of_billing_routes(self) -> None:
        customer = journey.sign_up()
        customer.api.post("/api/v1/checkout/session", {"plan_id": "pro"})
        with statements(8):  # the open page again; tests/api/v1/test_billing_checkout.py has the first
            opened = customer.api.post("/api/v1/checkout/session", {"plan_id": "pro"}).json()
        with statements(5):
            customer.api.get(f"/api/v1/checkout/success?session_id={opened['session_id']}")
        event = {"id": "evt_1", "type": "x", "created": 1, "livemode": False, "data": {"object": {}}}
        with statements(4):
            stripe_account.deliver(customer.api, event)
        with statements(3):
            stripe_account.deliver(customer.api, event)


def licensed_again(made: Licensed) -> None:
    """Give the customer a second licence."""
    organization_id, subscription_id = UUID(made.customer.organization_id), new_id()
    with organization_context(organization_id):
        Subscription.objects.create(
            id=subscription_id,
            organization_id=organization_id,
            plan=Plan.objects.get(slug="pro"),
            stripe_subscription_id="sub_2",
            stripe_customer_id="cus_2",
            status="active",
            stripe_fetched_at=clock.now(),
        )
    issuing.apply_subscription(organization_id=organization_id, subscription_id=subscription_id)
