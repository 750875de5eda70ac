"""How Stripe is asked: with one key and one layer of retries, and never with an SDK of another train."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest

from config.kernel.tenancy import organization_context
from subscriptions.errors import PaymentDeclined, PaymentProviderUnavailable
from subscriptions.models import OperationKind
from subscriptions.services import operations
from subscriptions.stripe import client
from subscriptions.stripe.errors import NotAtStripe, RefusedByStripe
from tests import journey
from tests.api.beneath import as_owner, at_once

Said = tuple[int, dict[str, Any], dict[str, str]]
CUSTOMER: Said = (200, {"id": "cus_1", "object": "customer"}, {})


def error(status: int, kind: str = "api_error", code: str = "", **headers: str) -> Said:
    """Return an answer of Stripe's that says no."""
    return status, {"error": {"type": kind, "code": code, "message": "No."}}, headers


class Talk:
    """What Stripe is going to say, in order, and what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Said] = []
        self.keys: list[str | None] = []
        self.versions: list[str | None] = []


@pytest.fixture
def talk(settings: Any) -> Iterator[Talk]:
    """Let Stripe say what a test has written down."""
    said = Talk()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said.keys.append(self.headers["Idempotency-Key"])
            said.versions.append(self.headers["Stripe-Version"])
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, body, headers = said.answers.pop(0)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.server_port}"
        yield said
        server.shutdown()


def make_customer(key: str = "key-1") -> str:
    """Have Stripe make a customer, trying three times."""
    return client.write(lambda stripe, options: stripe.v1.customers.create({}, options), idempotency_key=key).id


class TestRetries:
    @pytest.mark.parametrize("refusal", [error(500), error(503), error(409), error(429, "rate_limit_error")])
    def test_repeat_what_may_pass_with_the_same_key(self, talk: Talk, refusal: Said) -> None:
        talk.answers = [refusal, refusal, CUSTOMER]
        assert make_customer() == "cus_1"
        assert talk.keys == ["key-1"] * 3
        assert set(talk.versions) == {client.API_VERSION}

    def test_end_after_three_tries_in_all_layers_together(self, talk: Talk) -> None:
        talk.answers = [error(503)] * 9
        with pytest.raises(PaymentProviderUnavailable):
            make_customer()
        assert len(talk.keys) == 3

    @pytest.mark.parametrize(
        ("refusal", "meaning"),
        [
            (error(402, "card_error", "card_declined"), PaymentDeclined),
            (error(400, "invalid_request_error", "parameter_unknown"), RefusedByStripe),
            (error(404, "invalid_request_error", "resource_missing"), NotAtStripe),
            (error(400, "idempotency_error"), RefusedByStripe),
            (error(401, "invalid_request_error"), RefusedByStripe),
            (error(403, "invalid_request_error"), RefusedByStripe),
        ],
    )
    def test_do_not_repeat_what_stays_a_no(self, talk: Talk, refusal: Said, meaning: type[Exception]) -> None:
        talk.answers = [refusal] * 3
        with pytest.raises(meaning):
            make_customer()
        assert len(talk.keys) == 1

    @pytest.mark.parametrize("status", [409, 500])
    def test_heed_stripe_when_it_says_that_repeating_is_no_use(self, talk: Talk, status: int) -> None:
        talk.answers = [error(status, stripe_should_retry="false")] * 3
        with pytest.raises(PaymentProviderUnavailable):
            make_customer()
        assert len(talk.keys) == 1

    def test_become_unavailability_when_nobody_answers(self, settings: Any) -> None:
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        with pytest.raises(PaymentProviderUnavailable):
            make_customer()


class TestTrain:
    def test_of_another_sdk_is_refused(self) -> None:
        client.refuse_other_train()
        with pytest.raises(client.OtherTrain, match="endive"):
            client.refuse_other_train(sdk="2027-03-30.fennel")


@pytest.mark.usefixtures("db")
class TestOperation:
    def carry_out(self, customer: journey.Customer, keys: list[str], *, fails: bool = False) -> str:
        """Do one and the same thing at Stripe, writing down the key it was asked with."""

        def order(key: str) -> str:
            keys.append(key)
            if fails:
                raise PaymentProviderUnavailable
            return "re_1"

        organization_id = UUID(customer.organization_id)
        return operations.carry_out(
            organization_id=organization_id, kind=OperationKind.REFUND_DUPLICATE, about="in_1", order=order
        )

    def test_is_asked_with_one_key_until_it_is_done_and_then_never_again(self) -> None:
        customer, keys = journey.sign_up(), list[str]()
        with pytest.raises(PaymentProviderUnavailable):
            self.carry_out(customer, keys, fails=True)
        assert [self.carry_out(customer, keys), self.carry_out(customer, keys)] == ["re_1", "re_1"]
        assert len(keys) == 2
        assert len(set(keys)) == 1

    def test_has_one_key_for_all_that_try_at_once(self) -> None:
        customer, keys = journey.sign_up(), list[str]()
        assert set(at_once(6, lambda _: self.carry_out(customer, keys))) == {"re_1"}
        assert len(set(keys)) == 1

    def test_gets_another_key_once_stripe_has_forgotten_it(self) -> None:
        customer, keys = journey.sign_up(), list[str]()
        with pytest.raises(PaymentProviderUnavailable):
            self.carry_out(customer, keys, fails=True)
        as_owner(
            "update subscriptions_stripeoperation set key_made_at = now() - interval '1 day' where done_at is null"
        )
        self.carry_out(customer, keys)
        assert len(set(keys)) == 2

    def test_can_be_done_anew_once_what_it_made_is_gone(self) -> None:
        customer, keys = journey.sign_up(), list[str]()
        self.carry_out(customer, keys)
        organization_id = UUID(customer.organization_id)
        with organization_context(organization_id):
            operations.retire(organization_id=organization_id, kind=OperationKind.REFUND_DUPLICATE, about="in_1")
        self.carry_out(customer, keys)
        assert len(set(keys)) == 2
