"""One organization asking for what is another's: by path, query, body, header and key it gets what nobody would."""

import json
from typing import Any

import pytest

from config.kernel.ids import new_id
from organizations.models import Organization
from tests import journey
from tests.api.beneath import as_owner, join
from tests.api.issued import licensed
from tests.api.operations import operations
from tests.api.raw import quiet, send
from tests.api.refusals import refused
from tests.journey import Customer, Licensed

pytestmark = pytest.mark.usefixtures("db")

MACHINE = "machine-0001"
NOBODYS_KEY = "CODITECT-0000-0000-0000-0000-0000"
TABLES = ("organizations_organization", "organizations_membership", "organizations_datakey", "licenses_license",
          "licenses_activation", "licenses_licensesession", "subscriptions_subscription",
          "emails_emaillog")  # fmt: skip


class Worlds:
    """Two organizations: `eve` asks for what `ada` has; both have a licence with a machine on it."""

    def __init__(self) -> None:
        self.ada, self.eve = self.settled(), self.settled()
        quiet(self.eve.customer.api)
        self.seat = self.ada_seat
        self.before = self.rows()

    def settled(self) -> Licensed:
        """Return a customer whose licence has a machine on it."""
        made = licensed()
        body = {"license_key": made.license_key, "hardware_id": MACHINE}
        answer = made.customer.api.post("/api/v1/licenses/acquire", body)
        assert answer.status_code == 201
        self.ada_seat = getattr(self, "ada_seat", answer.json())
        return made

    def rows(self) -> list[Any]:
        """Return every row that is Ada's."""
        wall = {"organizations_organization": "id"}
        return [
            as_owner(
                f"select * from {table} where {wall.get(table, 'organization_id')} = %s order by id",  # noqa: S608
                self.ada.customer.organization_id,
            )
            for table in TABLES
        ]

    def slug(self, customer: Customer) -> str:
        """Return the readable name of a customer's organization."""
        ((slug,),) = as_owner("select slug from organizations_organization where id = %s", customer.organization_id)
        return str(slug)


@pytest.fixture
def worlds(db: None) -> Worlds:
    """Return two organizations."""
    return Worlds()


class TestForeignIds:
    def test_in_the_path_are_as_unknown_as_any(self, worlds: Worlds) -> None:
        foreign = {"license_key": worlds.ada.license_key}
        unknown = {"license_key": NOBODYS_KEY}
        ids = {"/api/v1/licenses/{id}": worlds.ada.license_id, "/api/v1/licenses/sessions/": worlds.seat["session_id"]}
        asked = 0
        for one in operations():
            if "{" not in one.path or one.path.startswith(("/api/v1/plans", "/api/v1/auth/verify-email")):
                continue
            theirs = next((value for start, value in ids.items() if one.path.startswith(start)), worlds.ada.license_id)
            path = one.path.replace("{license_key}", foreign["license_key"]).replace("{id}", theirs)
            other = one.path.replace("{license_key}", unknown["license_key"]).replace("{id}", str(new_id()))
            answer, nobody = (send(worlds.eve.customer.api, one.method, address) for address in (path, other))
            assert answer.status_code == 404, (str(one), answer.content)
            assert answer.json() == nobody.json(), str(one)
            asked += 1
        assert asked >= 5
        assert worlds.rows() == worlds.before

    def test_in_the_header_are_as_unknown_as_any(self, worlds: Worlds) -> None:
        ada, api = worlds.ada.customer, worlds.eve.customer.api
        for one in operations():
            if "X-Organization" not in json.dumps(HEADERS.get(f"{one.method} {one.path}", [])):
                continue
            body = json.dumps({"plan_id": "pro"}).encode()
            names = (ada.organization_id, worlds.slug(ada), str(new_id()), "nonsense", "%", "'")
            told = [send(api, one.method, one.url(), body, HTTP_X_ORGANIZATION=name) for name in names]
            for answer in told:
                refused(answer, 404, "organization_not_found")
            assert len({answer.content for answer in told}) == 1
        assert worlds.rows() == worlds.before

    def test_in_the_header_of_a_closed_organization_are_unknown_to_its_own_members(self, worlds: Worlds) -> None:
        as_owner(
            "update organizations_organization set status = 'closed' where id = %s", worlds.eve.customer.organization_id
        )
        refused(worlds.eve.customer.api.get("/api/v1/licenses"), 404, "organization_not_found")

    def test_in_the_body_are_as_unknown_as_any(self, worlds: Worlds) -> None:
        api, key = worlds.eve.customer.api, worlds.ada.license_key
        for path in ("acquire", "activate"):
            for hardware_id in (MACHINE, "another-machine"):
                body = {"license_key": key, "hardware_id": hardware_id}
                answer = api.post(f"/api/v1/licenses/{path}", body)
                nobody = api.post(f"/api/v1/licenses/{path}", body | {"license_key": NOBODYS_KEY})
                refused(answer, 404, "license_not_found")
                assert answer.json() == nobody.json()
        assert worlds.rows() == worlds.before

    def test_of_sessions_are_as_unknown_as_any_with_an_own_token(self, worlds: Worlds) -> None:
        api = worlds.eve.customer.api
        body = {"license_key": worlds.eve.license_key, "hardware_id": MACHINE}
        own = api.post("/api/v1/licenses/acquire", body).json()["signed_token"]
        for path in ("heartbeat", "release"):
            told = [api.post(f"/api/v1/licenses/{path}", {"session_id": session_id, "signed_token": own})
                    for session_id in (worlds.seat["session_id"], str(new_id()))]  # fmt: skip
            for answer in told:
                refused(answer, 404, "session_not_found")
            assert told[0].json() == told[1].json()
        for method, end in (("PATCH", "/heartbeat"), ("DELETE", "")):
            for session_id in (worlds.seat["session_id"], str(new_id())):
                answer = send(
                    api, method, f"/api/v1/licenses/sessions/{session_id}{end}", HTTP_AUTHORIZATION=f"Bearer {own}"
                )
                refused(answer, 404, "session_not_found")
        assert worlds.rows() == worlds.before


HEADERS: dict[str, list[Any]] = {}


@pytest.fixture(autouse=True, scope="module")
def _headers() -> None:
    """Learn from the OpenAPI document which operations name the organization by header."""
    from drf_spectacular.generators import SchemaGenerator

    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    for path, methods in schema["paths"].items():
        for method, spec in methods.items():
            HEADERS[f"{method.upper()} {path}"] = [one["name"] for one in spec.get("parameters", [])]


class TestLists:
    def test_show_only_what_is_the_organizations_whatever_is_asked(self, worlds: Worlds) -> None:
        api = worlds.eve.customer.api
        queries = ("", "?page_size=200", "?tier=starter", "?status=active", "?search=" + worlds.ada.license_id,
                   "?organization_id=" + worlds.ada.customer.organization_id, "?ordering=-issued_at")  # fmt: skip
        for query in queries:
            for path in ("licenses", "subscriptions"):
                for row in api.get(f"/api/v1/{path}{query}").json()["results"]:
                    assert row["organization_id"] == worlds.eve.customer.organization_id, (path, query)

    def test_follow_the_header_for_somebody_of_both(self, worlds: Worlds) -> None:
        ada, eve = worlds.ada.customer, worlds.eve.customer
        join(ada.organization_id, eve.user_id, "member")
        for customer in (ada, eve):
            for name in (customer.organization_id, worlds.slug(customer)):
                (row,) = eve.api.get("/api/v1/licenses", headers={"X-Organization": name}).json()["results"]
                assert row["organization_id"] == customer.organization_id
        (row,) = eve.api.get("/api/v1/licenses").json()["results"]
        assert row["organization_id"] == eve.organization_id


class TestRoles:
    def test_let_a_plain_member_keep_and_release_their_own_seat_only(self, worlds: Worlds) -> None:
        colleague = journey.sign_up()
        join(worlds.ada.customer.organization_id, colleague.user_id, "member")
        quiet(colleague.api).credentials(
            HTTP_AUTHORIZATION=colleague.api.get("/api/v1/auth/me").wsgi_request.META["HTTP_AUTHORIZATION"],
            HTTP_X_ORGANIZATION=worlds.ada.customer.organization_id,
        )
        address = f"/api/v1/licenses/sessions/{worlds.seat['session_id']}"
        refused(send(colleague.api, "PATCH", f"{address}/heartbeat"), 404, "session_not_found")
        refused(send(colleague.api, "DELETE", address), 404, "session_not_found")
        body = {"license_key": worlds.ada.license_key, "hardware_id": "colleague-0001"}
        seat = colleague.api.post("/api/v1/licenses/acquire", body).json()
        own = f"/api/v1/licenses/sessions/{seat['session_id']}"
        assert send(colleague.api, "PATCH", f"{own}/heartbeat").status_code == 200
        refused(send(quiet(worlds.ada.customer.api), "PATCH", f"{own}/heartbeat"), 404, "session_not_found")
        assert send(worlds.ada.customer.api, "DELETE", own).status_code == 204, "an owner may release any"
        assert send(colleague.api, "DELETE", own).status_code == 204, "again is fine"

    def test_end_with_the_membership(self, worlds: Worlds) -> None:
        as_owner("delete from organizations_membership where user_id = %s", worlds.eve.customer.user_id)
        api = worlds.eve.customer.api
        refused(api.get("/api/v1/licenses"), 404, "organization_not_found")
        body = {"license_key": worlds.eve.license_key, "hardware_id": "another-machine"}
        refused(api.post("/api/v1/licenses/acquire", body), 404, "license_not_found")
        assert Organization._base_manager.count() == 0
