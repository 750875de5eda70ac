"""The main line in one piece: from signing up to a machine that holds, keeps and gives back a paid seat."""

import pytest

from tests import journey

pytestmark = pytest.mark.usefixtures("db")


class TestJourney:
    def test_leads_from_sign_up_to_a_seat(self) -> None:
        customer = journey.sign_up()
        session_id = journey.buy(customer)
        page = customer.api.get(f"/api/v1/checkout/success?session_id={session_id}").json()
        assert page["status"] == "complete"
        seat = customer.api.post(
            "/api/v1/licenses/acquire", {"license_key": page["license_key"], "hardware_id": "machine-0001"}
        )
        assert seat.status_code == 201, seat.content
        assert seat.json()["degraded"] is False
        assert seat.json()["license"]["features"]["memory_context"] is True
        beat = {"session_id": seat.json()["session_id"], "signed_token": seat.json()["signed_token"]}
        assert customer.api.post("/api/v1/licenses/heartbeat", beat).status_code == 200
        assert customer.api.post("/api/v1/licenses/release", beat).status_code == 204
        assert customer.api.get(f"/api/v1/licenses/{page['license_id']}").json()["seats_used"] == 0
