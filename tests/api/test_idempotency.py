"""The Idempotency-Key header: a request that is repeated happens once."""

import threading

import pytest
from django.db import connections
from django.db.models.functions import Now
from rest_framework.test import APIClient

from config.kernel.models import IdempotentRequest
from tests import journey
from users.models import User

pytestmark = pytest.mark.usefixtures("db")
BODY = {
    "email": "ada@example.com",
    "password": journey.PASSWORD,
    "full_name": "Ada Lovelace",
    "company_name": "Engines",
}


def register(key: str, **changes: str) -> tuple[int, bytes, str | None]:
    """Sign up under a key; return status, body and whether it was a replay."""
    answer = APIClient().post("/api/v1/auth/register", {**BODY, **changes}, headers={"Idempotency-Key": key})
    return answer.status_code, answer.content, answer.get("Idempotent-Replayed")


class TestIdempotencyKey:
    def test_gives_the_first_answer_again(self) -> None:
        status, body, replayed = register("one")
        assert (status, replayed) == (201, None)
        assert register("one") == (201, body, "true")
        assert User.objects.filter(email=BODY["email"]).count() == 1

    def test_remembers_refusals_too(self) -> None:
        register("one")
        status, body, _ = register("two")
        assert status == 400
        assert register("two") == (400, body, "true")

    def test_refuses_another_body_under_the_same_key(self) -> None:
        register("one")
        status, body, _ = register("one", full_name="Somebody Else")
        assert status == 422
        assert b"idempotency_key_reused" in body

    def test_belongs_to_its_caller(self) -> None:
        one, two = journey.sign_up(), journey.sign_up()
        answers = [
            customer.api.post("/api/v1/organizations", {"name": "Second"}, headers={"Idempotency-Key": "same"})
            for customer in (one, two)
        ]
        assert answers[0].json()["id"] != answers[1].json()["id"]

    def test_is_for_one_organization(self) -> None:
        owner = journey.sign_up()
        second = owner.api.post("/api/v1/organizations", {"name": "Second"}).json()["id"]
        answers = [
            owner.api.post(
                "/api/v1/checkout/session",
                {"plan_id": "pro"},
                headers={"Idempotency-Key": "same", "X-Organization": organization},
            )
            for organization in (owner.organization_id, second, owner.organization_id)
        ]
        assert [answer.status_code for answer in answers] == [201, 422, 201]
        assert answers[2].json() == answers[0].json()

    @pytest.mark.parametrize("key", ["", "k" * 256, "with\ttab"])
    def test_has_a_form(self, key: str) -> None:
        status, body, _ = register(key)
        assert status == 400
        assert b"idempotency_key_invalid" in body

    def test_lets_one_of_many_at_once_work(self) -> None:
        outcomes: list[int] = []
        start = threading.Barrier(10)

        def repeat() -> None:
            start.wait()
            outcomes.append(register("one")[0])
            connections.close_all()

        threads = [threading.Thread(target=repeat) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(outcomes) <= {201, 409}
        assert 201 in outcomes
        assert User.objects.filter(email=BODY["email"]).count() == 1

    def test_of_a_process_that_died_is_free_after_a_while(self) -> None:
        register("one")
        User.objects.filter(email=BODY["email"]).update(email="gone@example.com")
        IdempotentRequest.objects.update(status=None, answer=None)
        assert register("one")[0] == 409
        IdempotentRequest.objects.update(held_until=Now())
        assert register("one")[0] == 201

    def test_keeps_the_answer_encrypted(self) -> None:
        register("one")
        (row,) = IdempotentRequest.objects.all()
        assert b"ada@example.com" not in bytes(row.answer or b"")
