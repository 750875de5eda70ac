"""Whose request it is: by header, by default and by role; that foreign ids lead nowhere is shown in tests/tenancy."""

import pytest

from organizations.models import Organization
from tests import journey
from tests.api.beneath import as_owner, join
from tests.api.issued import licensed
from tests.api.raw import quiet, send
from tests.api.refusals import refused
from tests.journey import Licensed

pytestmark = pytest.mark.usefixtures("db")

MACHINE = "machine-0001"


@pytest.fixture
def ada(db: None) -> Licensed:
    """Return a customer whose licence has a machine on it."""
    return licensed()


@pytest.fixture
def eve(db: None) -> Licensed:
    """Return another customer."""
    return licensed()


class TestHeader:
    def test_is_followed_for_somebody_of_both_organizations(self, ada: Licensed, eve: Licensed) -> None:
        api = eve.customer.api
        join(ada.customer.organization_id, eve.customer.user_id, "member")
        for made in (ada, eve):
            ((slug,),) = as_owner(
                "select slug from organizations_organization where id = %s", made.customer.organization_id
            )
            for name in (made.customer.organization_id, slug):
                (row,) = api.get("/api/v1/licenses", headers={"X-Organization": name}).json()["results"]
                assert row["id"] == made.license_id
        (row,) = api.get("/api/v1/licenses").json()["results"]
        assert row["id"] == eve.license_id

    @pytest.mark.parametrize("name", ["nonsense", "%", "'", "*", "null", "00000000-0000-0000-0000-000000000000"])
    def test_of_nonsense_names_nothing(self, eve: Licensed, name: str) -> None:
        answer = quiet(eve.customer.api).get("/api/v1/licenses", headers={"X-Organization": name})
        refused(answer, 404, "organization_not_found")

    def test_of_a_closed_organization_is_unknown_to_its_own_members(self, eve: Licensed) -> None:
        as_owner("update organizations_organization set status = 'closed' where id = %s", eve.customer.organization_id)
        refused(quiet(eve.customer.api).get("/api/v1/licenses"), 404, "organization_not_found")


class TestRoles:
    def test_let_a_plain_member_keep_and_release_their_own_seat_only(self, ada: Licensed) -> None:
        colleague = journey.sign_up()
        taken = {"license_key": ada.license_key, "hardware_id": MACHINE}
        seat_id = ada.customer.api.post("/api/v1/licenses/acquire", taken).json()["session_id"]
        join(ada.customer.organization_id, colleague.user_id, "member")
        quiet(colleague.api).credentials(
            HTTP_AUTHORIZATION=colleague.api.get("/api/v1/auth/me").wsgi_request.META["HTTP_AUTHORIZATION"],
            HTTP_X_ORGANIZATION=ada.customer.organization_id,
        )
        address = f"/api/v1/licenses/sessions/{seat_id}"
        refused(send(colleague.api, "PATCH", f"{address}/heartbeat"), 404, "session_not_found")
        refused(send(colleague.api, "DELETE", address), 404, "session_not_found")
        body = {"license_key": ada.license_key, "hardware_id": "colleague-0001"}
        seat = colleague.api.post("/api/v1/licenses/acquire", body).json()
        own = f"/api/v1/licenses/sessions/{seat['session_id']}"
        assert send(colleague.api, "PATCH", f"{own}/heartbeat").status_code == 200
        refused(send(quiet(ada.customer.api), "PATCH", f"{own}/heartbeat"), 404, "session_not_found")
        assert send(ada.customer.api, "DELETE", own).status_code == 204, "an owner may release any"
        assert send(colleague.api, "DELETE", own).status_code == 204, "again is fine"

    def test_end_with_the_membership(self, eve: Licensed) -> None:
        as_owner("delete from organizations_membership where user_id = %s", eve.customer.user_id)
        api = quiet(eve.customer.api)
        refused(api.get("/api/v1/licenses"), 404, "organization_not_found")
        body = {"license_key": eve.license_key, "hardware_id": "another-machine"}
        refused(api.post("/api/v1/licenses/acquire", body), 404, "license_not_found")
        assert Organization._base_manager.count() == 0
