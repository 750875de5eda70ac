"""/licenses/{id}/activations: the machines of a licence, listed and taken back."""

import pytest

from config.kernel.redis import client as redis_client
from tests.api.beneath import as_owner, count
from tests.api.issued import change, licensed
from tests.api.managed_license import audited, beat, owned, settle
from tests.api.raw import quiet, send
from tests.api.refusals import refused
from tests.api.v1.test_licenses import acquire, activate
from tests.journey import Licensed

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence that whoever has the key may use."""
    return owned()


class TestActivations:
    def test_are_listed_with_the_seats_they_hold(self, made: Licensed) -> None:
        activate(made, hardware_name="Ada's laptop", platform="linux")
        seat = acquire(made, "machine-0002").json()
        path = f"/api/v1/licenses/{made.license_id}/activations"
        rows = made.customer.api.get(path).json()["results"]
        assert [(row["hardware_name"], row["platform"], row["session_id"]) for row in rows] == [
            ("Ada's laptop", "linux", None),
            ("", "", seat["session_id"]),
        ]
        assert set(rows[0]) == {"id", "hardware_name", "platform", "activated_at", "signals", "session_id"}
        assert made.customer.api.get(f"{path}/{rows[0]['id']}").json() == rows[0]

    def test_are_taken_back_with_the_seat_in_the_record_and_in_the_gate(self, made: Licensed) -> None:
        change(made, max_seats=1)
        seat = acquire(made)
        refused(acquire(made, "machine-0002"), 429, "no_seats_available")
        path = f"/api/v1/licenses/{made.license_id}/activations"
        (row,) = made.customer.api.get(path).json()["results"]
        assert made.customer.api.delete(f"{path}/{row['id']}").status_code == 204
        assert redis_client().zcard(f"seats:{{{made.license_id}}}:leases") == 0
        refused(beat(seat), 410, "session_expired")
        assert acquire(made, "machine-0002").status_code == 201
        refused(made.customer.api.delete(f"{path}/{row['id']}"), 404, "activation_not_found")
        ((action, done, data),) = audited("ACTIVATION_REMOVED")
        assert (action, done, data["session_id"]) == ("ACTIVATION_REMOVED", True, seat.json()["session_id"])

    def test_taken_back_make_room_for_another_machine(self, made: Licensed) -> None:
        settle(made, max_activations=1)
        activate(made)
        refused(activate(made, "machine-0002"), 403, "activation_limit_reached")
        path = f"/api/v1/licenses/{made.license_id}/activations"
        (row,) = made.customer.api.get(path).json()["results"]
        made.customer.api.delete(f"{path}/{row['id']}")
        assert activate(made, "machine-0002").status_code == 201
        refused(activate(made), 403, "activation_limit_reached")

    def test_of_another_licence_are_not_found(self, made: Licensed) -> None:
        activate(made)
        ((activation_id,),) = as_owner("select id from licenses_activation")
        other = licensed()
        for method in ("GET", "DELETE"):
            path = f"/api/v1/licenses/{other.license_id}/activations/{activation_id}"
            refused(send(quiet(other.customer.api), method, path), 404, "activation_not_found")
        assert count("licenses_activation") == 1
