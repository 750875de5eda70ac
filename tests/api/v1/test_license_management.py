"""/licenses/…: who may do what with a licence, suspending and reinstating it; the races are in tests/concurrency."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from config.kernel import clock
from config.kernel.tenancy import organization_context
from licenses.services import issuing
from subscriptions.models import Subscription
from tests import journey
from tests.api.beneath import as_owner, join
from tests.api.issued import licensed
from tests.api.managed_license import audited, beat, owned, subscription, verb
from tests.api.raw import quiet, send
from tests.api.refusals import refused
from tests.api.v1.test_licenses import FUTURE, acquire, activate, validate
from tests.jobs import run_jobs
from tests.journey import Licensed
from tests.licenses.test_transitions import NOON

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence that whoever has the key may use."""
    return owned()


class TestEveryVerb:
    ROUTES = (("POST", "/suspend"), ("POST", "/reinstate"), ("POST", "/rotate-key"), ("PATCH", ""),
              ("DELETE", "/activations/{activation}"))  # fmt: skip

    @pytest.mark.parametrize(("role", "allowed"), [("admin", True), ("billing", False), ("member", False)])
    def test_is_for_owners_and_admins(self, made: Licensed, role: str, allowed: bool) -> None:
        activation_id = self.activated(made)
        colleague = journey.sign_up()
        join(made.customer.organization_id, colleague.user_id, role)
        for method, end in self.ROUTES:
            path = f"/api/v1/licenses/{made.license_id}{end.format(activation=activation_id)}"
            answer = send(quiet(colleague.api), method, path, HTTP_X_ORGANIZATION=made.customer.organization_id)
            if allowed:
                assert answer.status_code in (200, 204), (method, path, answer.content)
            else:
                refused(answer, 403, "permission_denied")

    def test_is_for_their_own_licences(self, made: Licensed) -> None:
        activation_id, stranger = self.activated(made), journey.sign_up()
        for method, end in self.ROUTES:
            path = f"/api/v1/licenses/{made.license_id}{end.format(activation=activation_id)}"
            code = "license_not_found"
            refused(send(quiet(stranger.api), method, path), 404, code)

    def activated(self, made: Licensed) -> str:
        """Return the id of a machine's activation."""
        assert activate(made).status_code == 201
        return str(as_owner("select id from licenses_activation")[0][0])


class TestSuspend:
    def test_stops_seats_beats_and_activations_at_once_and_says_who_did_it(self, made: Licensed) -> None:
        seat = acquire(made)
        told = verb(made, "suspend", reason="Contract under review").json()
        assert (told["status"], told["usable"], told["suspension_reason"]) == ("suspended", False, "admin")
        assert told["suspension_note"] == "Contract under review"
        assert told["suspended_at"]
        for answer in (acquire(made, "machine-0002"), activate(made, "machine-0003"), beat(seat), acquire(made)):
            refused(answer, 403, "license_suspended")
        assert validate(made.license_key)["code"] == "SUSPENDED"

    def test_again_changes_nothing(self, made: Licensed) -> None:
        first = verb(made, "suspend", reason="One").json()
        assert verb(made, "suspend", reason="Another").json() == first
        assert audited("LICENSE_SUSPENDED") == [("LICENSE_SUSPENDED", True, {"before": "active", "after": "held"})]

    def test_outlasts_payments_and_leaves_no_grace(self, made: Licensed) -> None:
        verb(made, "suspend")
        for columns in ({"last_paid_at": NOON}, {"failed_payment_count": 1, "grace_period_ends_at": FUTURE,
                                                 "status": "past_due"}):  # fmt: skip
            subscription(made, **columns)
            assert validate(made.license_key)["code"] == "SUSPENDED"
        (row,) = made.customer.api.get("/api/v1/licenses").json()["results"]
        assert (row["suspension_reason"], row["grace_period_ends_at"]) == ("admin", None)

    def test_replaces_a_suspension_by_billing_and_its_grace(self, made: Licensed) -> None:
        subscription(made, status="past_due", failed_payment_count=1, grace_period_ends_at=FUTURE)
        assert validate(made.license_key)["code"] == "IN_GRACE"
        assert verb(made, "suspend").json()["grace_period_ends_at"] is None
        assert validate(made.license_key)["code"] == "SUSPENDED"

    def test_is_refused_for_what_has_ended(self, made: Licensed) -> None:
        subscription(made, status="canceled")
        for name in ("suspend", "reinstate", "rotate-key"):
            refused(verb(made, name), 403, "license_inactive")
        assert audited("LICENSE_REINSTATED", "LICENSE_KEY_ROTATED") == []

    def test_takes_a_reason_of_at_most_200_characters(self, made: Licensed) -> None:
        refused(verb(made, "suspend", reason="x" * 201), 400, "max_length", "reason")
        assert verb(made, "suspend", reason="x" * 200).status_code == 200


class TestReinstate:
    def test_gives_running_leases_back_to_their_holders(self, made: Licensed) -> None:
        seat = acquire(made)
        verb(made, "suspend", reason="A mistake")
        told = verb(made, "reinstate").json()
        assert (told["status"], told["suspension_reason"], told["suspended_at"]) == ("active", None, None)
        assert told["suspension_note"] == ""
        assert beat(seat).status_code == 200
        assert verb(made, "reinstate").json()["status"] == "active", "again is fine"
        assert audited("LICENSE_REINSTATED") == [("LICENSE_REINSTATED", True, {"before": "held", "after": "active"})]

    def test_leaves_what_billing_asks_for(self, made: Licensed) -> None:
        verb(made, "suspend")
        subscription(made, status="past_due", failed_payment_count=1, grace_period_ends_at=FUTURE)
        told = verb(made, "reinstate").json()
        assert (told["status"], told["suspension_reason"], told["usable"]) == ("suspended", "billing", True)
        assert datetime.fromisoformat(told["grace_period_ends_at"]) == FUTURE
        refused(verb(made, "reinstate"), 409, "suspended_by_billing")

    def test_ends_a_licence_whose_grace_ran_out_meanwhile(self, made: Licensed) -> None:
        verb(made, "suspend")
        subscription(made, status="past_due", failed_payment_count=1, grace_period_ends_at=FUTURE)
        with organization_context(UUID(made.customer.organization_id)):
            Subscription.objects.update(grace_period_ends_at=clock.now() - timedelta(seconds=1))
        assert verb(made, "reinstate").json()["status"] == "inactive"


class TestClosedOrganization:
    def test_has_no_licence_that_still_gives_seats(self) -> None:
        made = licensed(access_policy="key", max_borrowed_seats=1)
        api = quiet(APIClient())
        asked = {"license_key": made.license_key, "hardware_id": "machine-0001"}
        seat = api.post("/api/v1/licenses/acquire", asked).json()
        owner = made.customer
        assert owner.api.delete(f"/api/v1/organizations/{owner.organization_id}").status_code == 204
        run_jobs()
        beat = {name: seat[name] for name in ("session_id", "signed_token")}
        refused(api.post("/api/v1/licenses/heartbeat", beat), 410, "session_expired")
        refused(api.post("/api/v1/licenses/acquire", asked), 403, "license_inactive")
        refused(api.post("/api/v1/licenses/borrow", {**asked, "days": 1}), 403, "license_inactive")
        assert api.post("/api/v1/licenses/validate", asked).json()["code"] == "INACTIVE"
        # What is still paid at Stripe, and told late, revives nothing.
        ((subscription_id,),) = as_owner("select id from subscriptions_subscription")
        issuing.apply_subscription(organization_id=UUID(owner.organization_id), subscription_id=subscription_id)
        refused(api.post("/api/v1/licenses/acquire", asked), 403, "license_inactive")
        told = as_owner("select action from users_auditentry where action = 'LICENSE_DEACTIVATED'")
        assert told == [("LICENSE_DEACTIVATED",)]
