"""What a client asks of the real server about a licence, and as whom."""

import httpx
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from coditect_license import (
    LicenseUnknown,
    MachineRefused,
    Outage,
    SecondFactorRequired,
    SignInFailed,
    SignInRequired,
)
from coditect_license.access import FRESH_SECONDS
from tests import authenticator_app
from tests.api.issued import change, licensed
from tests.client.network import Network, forbidden
from tests.concurrency import history, seated_license
from tests.journey import PASSWORD, Licensed
from users.models import User


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a licence that only signed-in members may use, of an owner who may sign in to a real web process."""
    made = licensed(access_policy="user")
    # The suite's own fast hash is one that no deployment would take.
    hashed = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1000)
    assert User.objects.filter(id=made.customer.user_id).update(password=hashed) == 1
    return made


class TestAccess:
    def test_by_key_alone_is_refused_where_members_are_wanted_until_one_signs_in(
        self, network: Network, made: Licensed
    ) -> None:
        client = network.client(made.license_key)
        with pytest.raises(SignInRequired):
            client.seat().acquire()
        client.login(made.customer.email, PASSWORD)
        with client.seat() as seat:
            assert seat.status.held

    def test_of_a_member_is_renewed_when_it_is_old(self, network: Network, made: Licensed) -> None:
        client = network.client(made.license_key)
        client.login(made.customer.email, PASSWORD)
        network.moved += FRESH_SECONDS
        with client.seat():
            assert "/api/v1/auth/token/refresh" in network.asked
        asked = len(network.asked)
        with client.seat():
            assert "/api/v1/auth/token/refresh" not in network.asked[asked:]

    def test_of_a_member_whose_session_has_ended_is_decided_by_what_is_signed(
        self, network: Network, made: Licensed
    ) -> None:
        client = network.client(made.license_key)
        client.login(made.customer.email, PASSWORD)
        made.customer.api.delete("/api/v1/auth/sessions")
        network.moved += FRESH_SECONDS
        with pytest.raises(SignInRequired):
            client.seat().acquire()

    def test_with_a_wrong_password_is_refused(self, network: Network, made: Licensed) -> None:
        with pytest.raises(SignInFailed) as raised:
            network.client(made.license_key).login(made.customer.email, "not-it")
        assert raised.value.code == "invalid_credentials"
        assert "not-it" not in str(raised.value)

    def test_with_two_factors_wants_a_code(self, network: Network, made: Licensed) -> None:
        app = authenticator_app.enable(made.customer).app
        client = network.client(made.license_key)
        with pytest.raises(SecondFactorRequired):
            client.login(made.customer.email, PASSWORD)
        with pytest.raises(SignInFailed) as raised:
            client.login(made.customer.email, PASSWORD, code=app.wrong_code())
        assert raised.value.code == "mfa_code_invalid"
        client.login(made.customer.email, PASSWORD, code=app.code(steps=1))
        with client.seat() as seat:
            assert seat.status.held

    def test_through_a_proxy_that_says_no_is_an_outage(self, network: Network, made: Licensed) -> None:
        network.broken = forbidden
        with pytest.raises(Outage):
            network.client(made.license_key).login(made.customer.email, PASSWORD)


class TestActivation:
    def test_binds_the_machine_once(self, network: Network, made: Licensed) -> None:
        change(made, access_policy="key")
        client = network.client(made.license_key)
        first = client.activate(hardware_name="Ada's desk")
        assert client.activate(hardware_name="Ada's desk") == first
        assert (first.id, first.tier, first.max_seats) == (made.license_id, "starter", 3)
        listed = made.customer.api.get(f"/api/v1/licenses/{made.license_id}/activations").json()["results"]
        assert [machine["hardware_name"] for machine in listed] == ["Ada's desk"]

    def test_whose_answer_was_lost_is_repeated_as_the_same_request(self, network: Network, made: Licensed) -> None:
        change(made, access_policy="key", max_activations=1)
        keys = []

        def loses_the_first(request: httpx.Request) -> httpx.Response:
            keys.append(request.headers["Idempotency-Key"])
            answer = network.through(request)
            if len(keys) == 1:
                answer.close()
                raise httpx.ReadError("reset by peer")
            assert answer.headers["Idempotent-Replayed"] == "true"
            return answer

        client = network.client(made.license_key)
        client.validate()  # the published keys are here from now on
        network.broken = loses_the_first
        assert client.activate().id == made.license_id
        assert len(keys) == 2
        assert len(set(keys)) == 1

    def test_of_one_machine_more_than_allowed_is_refused(self, network: Network, made: Licensed) -> None:
        change(made, access_policy="key", max_activations=1)
        network.client(made.license_key).activate()
        with pytest.raises(MachineRefused) as raised:
            network.client(made.license_key, machine="machine-0002").activate()
        assert raised.value.code == "activation_limit_reached"

    def test_of_an_unknown_licence_is_refused(self, network: Network) -> None:
        with pytest.raises(LicenseUnknown):
            network.client("CODITECT-1234").activate()


class TestValidation:
    def test_says_how_the_licence_stands_also_when_it_may_not_be_used(self, network: Network, made: Licensed) -> None:
        client = network.client(made.license_key)
        told = client.validate()
        assert (told.valid, told.code) == (True, "VALID")
        assert told.license is not None
        assert told.license.id == made.license_id
        assert told.license.expires_at is None or told.license.expires_at.tzinfo is not None
        change(made, status="inactive")
        told = client.validate()
        assert (told.valid, told.code) == (False, "INACTIVE")
        unknown = network.client("nonsense").validate()
        assert (unknown.valid, unknown.code, unknown.license) == (False, "MALFORMED", None)

    def test_of_a_malformed_machine_id_is_refused(self, network: Network, made: Licensed) -> None:
        with pytest.raises(MachineRefused):
            network.client(made.license_key, machine="x").validate()


class TestSignals:
    def test_of_the_hardware_are_sent_along(self, network: Network, made: Licensed) -> None:
        change(made, access_policy="key", match_policy="all")
        network.client(made.license_key, hardware_signals={"board": "B-1"}).activate()
        with pytest.raises(MachineRefused) as raised:
            network.client(made.license_key, hardware_signals={"board": "B-2"}).seat().acquire()
        assert raised.value.code == "machine_mismatch"


class TestManyMachines:
    def test_hold_as_many_seats_as_there_are(self, network: Network) -> None:
        license_ = seated_license.issue(seats=2)
        with (
            network.client(license_.key).seat(),
            network.client(license_.key, machine="machine-0002").seat(),
        ):
            assert history.live(license_.id) == 2
        assert history.live(license_.id) == 0
