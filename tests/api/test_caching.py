"""Nobody keeps an answer of the API: it is for its caller alone, and may name a person, a machine or a key."""

import pytest
from rest_framework.test import APIClient

from tests.api.issued import licensed
from tests.api.operations import Operation, operations
from tests.api.raw import quiet, send
from tests.journey import Licensed


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a licence with a machine that holds a seat of it, for whoever has the key."""
    made = licensed(access_policy="key")
    body = {"license_key": made.license_key, "hardware_id": "machine-0001"}
    assert APIClient().post("/api/v1/licenses/acquire", body).status_code == 201
    return made


class TestNoStore:
    def test_stands_on_what_names_keys_machines_and_people(self, made: Licensed) -> None:
        licence = f"/api/v1/licenses/{made.license_id}"
        (activation,) = made.customer.api.get(f"{licence}/activations").json()["results"]
        paths = [
            "/api/v1/licenses",
            licence,
            f"{licence}/download",
            f"{licence}/usage",
            f"{licence}/sessions",
            f"/api/v1/licenses/{made.license_key}/sessions",
            f"/api/v1/licenses/{made.license_key}/status",
            f"{licence}/activations",
            f"{licence}/activations/{activation['id']}",
            "/api/v1/auth/me",
            "/api/v1/auth/sessions",
            "/api/v1/organizations",
            f"/api/v1/organizations/{made.customer.organization_id}/members",
            "/api/v1/audit",
        ]
        answers = {path: made.customer.api.get(path) for path in paths}
        assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(paths, 200)
        assert [path for path, answer in answers.items() if "no-store" not in answer.get("Cache-Control", "")] == []

    @pytest.mark.usefixtures("db")
    @pytest.mark.parametrize("operation", operations(), ids=str)
    def test_stands_on_whatever_a_stranger_is_answered(self, operation: Operation) -> None:
        answer = send(quiet(APIClient()), operation.method, operation.url())
        assert "no-store" in answer["Cache-Control"]
