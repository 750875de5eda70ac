"""Idempotency keys: one effect for each key, whatever is repeated, altered, raced or cut off."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import Standin


def create(standin: Standin, key: str, **params: str) -> httpx.Response:
    return standin.raw("POST", "/v1/customers", {"Idempotency-Key": key}, data=params)


def made(standin: Standin, email: str) -> int:
    return len(standin.sdk.v1.customers.list({"email": email}).data)


class TestReplay:
    def test_gives_the_first_answer_again(self, standin: Standin) -> None:
        first = create(standin, "replay", email="replay@example.com")
        again = create(standin, "replay", email="replay@example.com")
        assert "Idempotent-Replayed" not in first.headers
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.headers["Original-Request"] == first.headers["Request-Id"]
        assert again.content == first.content
        assert made(standin, "replay@example.com") == 1

    def test_replays_a_refusal_of_an_operation_that_was_begun(self, standin: Standin) -> None:
        body = {"currency": "usd", "unit_amount": "1", "product": "prod_late"}
        first = standin.raw("POST", "/v1/prices", {"Idempotency-Key": "refused"}, data=body)
        standin.sdk.v1.products.create({"id": "prod_late", "name": "Late"})
        again = standin.raw("POST", "/v1/prices", {"Idempotency-Key": "refused"}, data=body)
        assert (first.status_code, again.status_code) == (400, 400)
        assert again.headers["Idempotent-Replayed"] == "true"

    def test_does_not_keep_a_request_that_never_began(self, standin: Standin) -> None:
        assert create(standin, "typo", emial="typo@example.com").status_code == 400
        assert create(standin, "typo", email="typo@example.com").status_code == 200

    def test_outlives_a_crash(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, _ = fresh
        first = create(standin, "crash", email="crash@example.com")
        standin.stop(signal.SIGKILL)
        standin.start()
        assert create(standin, "crash", email="crash@example.com").content == first.content
        assert made(standin, "crash@example.com") == 1


class TestRefusal:
    def test_refuses_the_key_for_other_parameters(self, standin: Standin) -> None:
        options: stripe.RequestOptions = {"idempotency_key": "other"}
        standin.sdk.v1.customers.create({"name": "Ada"}, options)
        with pytest.raises(stripe.IdempotencyError, match="same parameters"):
            standin.sdk.v1.customers.create({"name": "Bob"}, options)
        with pytest.raises(stripe.IdempotencyError):
            standin.sdk.v1.products.create({"name": "Ada"}, options)

    def test_refuses_keys_longer_than_stripe_takes(self, standin: Standin) -> None:
        assert create(standin, "k" * 255, name="x").status_code == 200
        assert create(standin, "k" * 256, name="x").status_code == 400


class TestRace:
    def test_answers_409_while_the_first_is_under_way(self, fresh: tuple[Standin, Receiver]) -> None:
        standin, _ = fresh
        standin.control("switches", api_delay_ms=500)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: create(standin, "race", email="race@example.com"), range(8)))
        standin.control("switches", api_delay_ms=0)
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200, *[409] * 7]
        refusal = next(answer for answer in answers if answer.status_code == 409)
        assert refusal.json()["error"]["code"] == "idempotency_key_in_use"
        assert create(standin, "race", email="race@example.com").headers["Idempotent-Replayed"] == "true"
        assert made(standin, "race@example.com") == 1
