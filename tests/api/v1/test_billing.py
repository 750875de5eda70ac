"""/plans, /checkout, /subscriptions and the webhook: what may be bought, by whom, and whose word is taken."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests import journey, stripe_account
from tests.api.beneath import as_owner, at_once, count, join
from tests.api.issued import licensed
from tests.api.raw import quiet, send
from tests.api.refusals import refused
from tests.jobs import run_jobs
from tests.journey import Customer
from tests.plugins.servers import WEBHOOK_SECRET
from tests.subscriptions.stripe_side import anew, only, pay, tell

pytestmark = pytest.mark.usefixtures("db")

EVENT = {"id": "evt_1", "object": "event", "type": "payout.paid", "created": 1, "livemode": False,
         "data": {"object": {"id": "po_1"}}}  # fmt: skip
WEBHOOK = "/api/v1/webhooks/stripe"


def deliver(api: APIClient, event: Any) -> Any:
    """Post an event as Stripe would."""
    return stripe_account.deliver(api, event)


@pytest.fixture
def ada(db: None) -> Customer:
    """Return a customer who has bought nothing."""
    customer = journey.sign_up()
    quiet(customer.api)
    return customer


class TestPlans:
    def test_are_listed_cheapest_first_for_anybody(self, api: APIClient) -> None:
        listed = api.get("/api/v1/plans").json()
        assert [(plan["slug"], plan["price_cents"], plan["max_seats"]) for plan in listed["results"]] == [
            ("starter", 2900, 3), ("pro", 9900, 10), ("enterprise", 29900, 50)]  # fmt: skip
        assert {plan["trial_days"] for plan in listed["results"]} == {14}

    def test_are_shown_by_id_and_by_slug(self, api: APIClient) -> None:
        by_slug = api.get("/api/v1/plans/pro").json()
        assert api.get(f"/api/v1/plans/{by_slug['id']}").json() == by_slug

    def test_unknown_are_not_found(self, api: APIClient) -> None:
        for reference in ["none", "PRO", "00000000-0000-7000-8000-000000000000", "é", "-", "{}"]:
            refused(api.get(f"/api/v1/plans/{reference}"), 404, "plan_not_found")

    def test_withdrawn_from_sale_can_neither_be_seen_nor_bought(self, api: APIClient, ada: Customer) -> None:
        as_owner("update subscriptions_plan set is_public = false where slug = 'pro'")
        try:
            refused(api.get("/api/v1/plans/pro"), 404, "plan_not_found")
            refused(ada.api.post("/api/v1/checkout/session", {"plan_id": "pro"}), 404, "plan_not_found")
        finally:
            as_owner("update subscriptions_plan set is_public = true where slug = 'pro'")


class TestOpenCheckout:
    @pytest.mark.parametrize(("role", "status"), [("admin", 403), ("member", 403), ("billing", 201)])
    def test_is_for_owner_and_billing_only(self, ada: Customer, role: str, status: int) -> None:
        colleague = journey.sign_up()
        join(ada.organization_id, colleague.user_id, role)
        answer = colleague.api.post(
            "/api/v1/checkout/session", {"plan_id": "pro"}, headers={"X-Organization": ada.organization_id}
        )
        assert answer.status_code == status
        if status == 403:
            refused(answer, 403, "permission_denied")

    def test_is_refused_beside_a_live_subscription(self) -> None:
        made = licensed()
        answer = made.customer.api.post("/api/v1/checkout/session", {"plan_id": "pro"})
        refused(answer, 409, "subscription_exists")

    def test_returns_to_allowed_origins_only(self, ada: Customer, settings: Any) -> None:
        settings.CHECKOUT_REDIRECT_ORIGINS = ["https://app.coditect.example"]
        for url in ("https://evil.example/", "https://app.coditect.example.evil.example",
                    "http://app.coditect.example/", "https://app.coditect.example@evil.example/",
                    "https://app.coditect.example:444/", "https://evil.example/?https://app.coditect.example/",
                    "https://APP.coditect.example/"):  # fmt: skip
            for field in ("success_url", "cancel_url"):
                answer = ada.api.post("/api/v1/checkout/session", {"plan_id": "pro", field: url})
                refused(answer, 400, "redirect_not_allowed", field)
        assert count("subscriptions_checkoutsession") == 0

    def test_takes_an_allowed_address_and_our_own(self, ada: Customer, settings: Any) -> None:
        settings.CHECKOUT_REDIRECT_ORIGINS = ["https://app.coditect.example"]
        body = {"plan_id": "pro", "success_url": "https://app.coditect.example/thanks?x=1#y"}
        assert ada.api.post("/api/v1/checkout/session", body).status_code == 201

    def test_makes_one_customer_at_stripe_however_often_at_once(self, ada: Customer) -> None:
        stripe_account.new_events()
        answers = at_once(4, lambda _: ada.api.post("/api/v1/checkout/session", {"plan_id": "pro"}))
        assert {answer.status_code for answer in answers} == {201}
        run_jobs()
        made = only(stripe_account.new_events(), "customer.created")
        assert len(made) == 1
        assert as_owner("select stripe_customer_id from organizations_organization") == [
            (made[0]["data"]["object"]["id"],)
        ]

    def test_is_503_when_stripe_does_not_answer_and_stores_nothing_to_be_paid(
        self, ada: Customer, settings: Any
    ) -> None:
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        answer = ada.api.post("/api/v1/checkout/session", {"plan_id": "pro"})
        refused(answer, 503, "payment_provider_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert as_owner("select stripe_session_id from subscriptions_checkoutsession") == [(None,)]


class TestCheckoutSuccess:
    def page(self, api: APIClient, session: str, **headers: str) -> Any:
        """Open the page that Checkout sends people back to."""
        return api.get(f"/api/v1/checkout/success?session_id={session}", headers=headers)

    def test_waits_then_shows_the_key_for_an_hour_to_whoever_holds_the_session(self, ada: Customer) -> None:
        anybody, stranger = quiet(APIClient()), journey.sign_up().api
        session, told = pay(ada)
        assert self.page(anybody, session).json() == {
            "status": "processing", "plan": "Starter", "license_key": None, "license_id": None}  # fmt: skip
        tell(*told)
        run_jobs()
        shown = self.page(anybody, session)
        key = shown.json()["license_key"]
        assert (shown.json()["status"], key[:9]) == ("complete", "CODITECT-")
        assert (shown.headers["Cache-Control"], shown.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert key in self.page(anybody, session, Accept="text/html").content.decode()
        as_owner("update subscriptions_checkoutsession set completed_at = completed_at - interval '1 hour'")
        for client in (anybody, stranger):
            late = self.page(client, session).json()
            assert (late["status"], late["license_key"], late["license_id"]) == ("complete", None, None)
            assert key not in self.page(client, session, Accept="text/html").content.decode()
        assert self.page(ada.api, session).json()["license_key"] == key

    def test_counts_the_hour_from_the_payment_however_late_the_news_of_it_is(self, ada: Customer) -> None:
        session_id, told = pay(ada)
        for event in told:
            tell({**event, "created": event["created"] - 3700})
        run_jobs()
        late = APIClient().get(f"/api/v1/checkout/success?session_id={session_id}").json()
        assert (late["status"], late["license_key"]) == ("complete", None)
        assert ada.api.get(f"/api/v1/checkout/success?session_id={session_id}").json()["license_key"]

    def test_of_an_unknown_session_is_not_found(self, api: APIClient) -> None:
        for session in ["", "cs_test_unknown", "x" * 3000, "'--", "%F0%9F%92%A9"]:
            answer = self.page(api, session)
            refused(answer, 404, "checkout_not_found")
            assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")

    def test_with_a_bad_token_is_401_and_not_an_anonymous_answer(self, api: APIClient) -> None:
        refused(self.page(api, "x", Authorization="Bearer nonsense"), 401, "authentication_failed")

    def test_puts_nothing_of_its_address_into_the_page_unescaped(self, ada: Customer) -> None:
        session, _ = pay(ada)
        as_owner("update subscriptions_checkoutsession set stripe_session_id = 'cs_\"><script>'")
        page = self.page(APIClient(), "cs_%22%3E%3Cscript%3E&tries=%3Cscript%3E", Accept="text/html")
        assert (page.status_code, b"<script>" in page.content) == (200, False)
        assert session


class TestWebhook:
    def post(self, body: bytes, signature: str) -> Any:
        """Post raw bytes under a signature."""
        return send(quiet(APIClient()), "POST", WEBHOOK, body, HTTP_STRIPE_SIGNATURE=signature)

    def sign(self, body: bytes, *, secret: str = WEBHOOK_SECRET, age: int = 0, scheme: str = "v1") -> str:
        """Return the header that Stripe would have sent so many seconds ago."""
        at = int(time.time()) - age
        digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={at},{scheme}={digest}"

    def test_stores_an_event_once_and_says_so(self, api: APIClient) -> None:
        assert deliver(api, EVENT).json() == {"status": "received"}
        for _ in range(2):
            again = deliver(api, EVENT)
            assert (again.status_code, again.json()) == (200, {"status": "duplicate"})
        assert (count("subscriptions_webhookevent"), count("procrastinate_jobs")) == (1, 1)

    def test_stores_an_event_once_that_comes_many_times_at_once(self) -> None:
        answers = at_once(6, lambda _: deliver(APIClient(), EVENT).json()["status"])
        assert sorted(answers) == ["duplicate"] * 5 + ["received"]
        assert (count("subscriptions_webhookevent"), count("procrastinate_jobs")) == (1, 1)

    def test_refuses_what_stripe_did_not_sign_just_now_and_stores_nothing(self) -> None:
        body = json.dumps(EVENT).encode()
        good = self.sign(body)
        at, digest = good.split(",")
        for signature in (
            "", "nonsense", at, digest, f"{at},v1=", f"{at},v1=é", f"{at},v0={digest[3:]}", f"{at}{digest}",
            good.upper(), f"t=,{digest}", f"t=0,{digest}", f"t=-1,{digest}", f"t={'9' * 400},{digest}",
            f"t=\xb2,{digest}", f"{at},t=1,{digest}", f"t=1,{at},{digest}", self.sign(body, secret="whsec_other"),
            self.sign(body, secret=""), self.sign(body, age=301), self.sign(body, age=-310),
            self.sign(body, scheme="v0"), self.sign(body + b" "),
        ):  # fmt: skip
            refused(self.post(body, signature), 400, "webhook_signature_invalid")
        refused(self.post(body.replace(b"po_1", b"po_2"), good), 400, "webhook_signature_invalid")
        assert count("subscriptions_webhookevent") == count("procrastinate_jobs") == 0

    def test_takes_a_signature_of_either_secret_while_one_rotates(self, settings: Any) -> None:
        settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", WEBHOOK_SECRET]
        for number, secret in enumerate(settings.STRIPE_WEBHOOK_SECRETS):
            body = json.dumps(EVENT | {"id": f"evt_{number}"}).encode()
            assert self.post(body, self.sign(body, secret=secret)).json() == {"status": "received"}

    def test_refuses_signed_bytes_that_are_no_event(self) -> None:
        changes: list[dict[str, Any]] = [
            {"id": None}, {"id": 1}, {"id": {}}, {"type": None}, {"type": []}, {"created": None}, {"created": "x"},
            {"created": 10**20}, {"created": float("inf")}, {"created": float("nan")}, {"data": None}, {"data": []},
            {"data": {"object": None}}, {"data": {"object": [["a", 1]]}},
        ]  # fmt: skip
        bodies = [b"", b"\xff", b"null", b"[]", b"1", b'"x"', b"{", b"{}", b"[" * 20_000, b'{"id": "evt_1"}']
        for body in bodies + [json.dumps(EVENT | change).encode() for change in changes]:
            refused(self.post(body, self.sign(body)), 400, "webhook_signature_invalid")
        assert count("subscriptions_webhookevent") == count("procrastinate_jobs") == 0

    def test_is_503_for_a_signed_event_that_cannot_be_stored_so_that_stripe_keeps_it(self) -> None:
        for change in ({"id": "e" * 300}, {"type": "t" * 300}, {"note": "a\x00b"}, {"note": "\ud800"},
                       {"note": float("nan")}):  # fmt: skip
            body = json.dumps(EVENT | change).encode()
            refused(self.post(body, self.sign(body)), 503, "service_unavailable")
        assert count("subscriptions_webhookevent") == count("procrastinate_jobs") == 0

    def test_is_413_over_256_kibibytes_at_both_addresses(self, api: APIClient) -> None:
        body = b" " * (256 * 1024 + 1)
        for address in (WEBHOOK, f"{WEBHOOK}/", "/api/v1/subscriptions/webhook", "/api/v1/subscriptions/webhook/"):
            refused(send(api, "POST", address, body), 413, "payload_too_large")
        large = json.dumps(EVENT | {"note": ""}).encode().ljust(256 * 1024)
        assert self.post(large, self.sign(large)).status_code == 200

    def test_answers_at_its_older_address_too(self, api: APIClient) -> None:
        body = json.dumps(EVENT).encode()
        answer = send(api, "POST", "/api/v1/subscriptions/webhook/", body, HTTP_STRIPE_SIGNATURE=self.sign(body))
        assert answer.json() == {"status": "received"}


class TestSubscriptions:
    def test_are_listed_newest_first_to_every_member(self, ada: Customer) -> None:
        _, told = pay(ada, plan="pro")
        tell(*told, anew(told[0]))
        run_jobs()
        as_owner("update organizations_membership set role = 'member'")
        (one,) = ada.api.get("/api/v1/subscriptions").json()["results"]
        assert (one["status"], one["plan"]["slug"], one["organization_id"]) == ("trialing", "pro", ada.organization_id)
        assert one["trial_end"].endswith("Z")
