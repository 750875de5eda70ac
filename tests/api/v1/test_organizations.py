"""/organizations: members, roles, invitations, teams, and who may do what to whom."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connections
from rest_framework.test import APIClient

from config.kernel.ids import new_id
from tests import journey
from tests.api.beneath import as_owner, count, until_blocked
from tests.invitations import invite, join
from tests.journey import Customer
from tests.plugins import servers

pytestmark = pytest.mark.usefixtures("db")


def code(answer: Any) -> str:
    """Return the error code of an answer."""
    return str(answer.json()["errors"][0]["code"])


class TestInvitation:
    def test_makes_an_existing_user_a_member(self) -> None:
        owner = journey.sign_up()
        guest = join(owner, "billing")
        mine = guest.api.get("/api/v1/organizations").json()["results"]
        assert {(one["organization_id"], one["role"]) for one in mine} >= {(owner.organization_id, "billing")}

    def test_makes_an_account_for_somebody_new(self) -> None:
        owner = journey.sign_up()
        token = invite(owner, "grace@example.com")
        body = {"token": token, "full_name": "Grace Hopper", "password": journey.PASSWORD}
        assert APIClient().post("/api/v1/invitations/accept", body).status_code == 200
        login = APIClient().post("/api/v1/auth/login", {"email": "grace@example.com", "password": journey.PASSWORD})
        assert login.status_code == 200

    def test_is_for_the_invited_address_only(self) -> None:
        owner, stranger = journey.sign_up(), journey.sign_up()
        answer = stranger.api.post("/api/v1/invitations/accept", {"token": invite(owner, "other@example.com")})
        assert (answer.status_code, code(answer)) == (403, "invitation_for_somebody_else")

    def test_replaces_the_open_one_of_the_same_address(self) -> None:
        owner, guest = journey.sign_up(), journey.sign_up()
        first = invite(owner, guest.email)
        second = invite(owner, guest.email)
        assert guest.api.post("/api/v1/invitations/accept", {"token": first}).status_code == 404
        assert guest.api.post("/api/v1/invitations/accept", {"token": second}).status_code == 200

    def test_can_be_withdrawn(self) -> None:
        owner, guest = journey.sign_up(), journey.sign_up()
        token = invite(owner, guest.email)
        (listed,) = owner.api.get(f"/api/v1/organizations/{owner.organization_id}/invitations").json()["results"]
        path = f"/api/v1/organizations/{owner.organization_id}/invitations/{listed['id']}"
        assert owner.api.delete(path).status_code == 204
        assert guest.api.post("/api/v1/invitations/accept", {"token": token}).status_code == 404


class TestMembers:
    def test_keep_at_least_one_owner(self) -> None:
        owner = journey.sign_up()
        path = f"/api/v1/organizations/{owner.organization_id}/members/{owner.user_id}"
        assert code(owner.api.delete(path)) == "last_owner"
        assert code(owner.api.patch(path, {"role": "member"})) == "last_owner"

    def test_may_leave(self) -> None:
        owner = journey.sign_up()
        guest = join(owner)
        path = f"/api/v1/organizations/{owner.organization_id}/members/{guest.user_id}"
        assert guest.api.delete(path).status_code == 204
        assert guest.api.get(f"/api/v1/organizations/{owner.organization_id}").status_code == 404

    def test_cannot_raise_themselves_or_touch_owners(self) -> None:
        owner = journey.sign_up()
        admin, member = join(owner, "admin"), join(owner)
        base = f"/api/v1/organizations/{owner.organization_id}/members"
        assert code(member.api.patch(f"{base}/{member.user_id}", {"role": "admin"})) == "permission_denied"
        assert code(admin.api.patch(f"{base}/{admin.user_id}", {"role": "owner"})) == "permission_denied"
        assert code(admin.api.delete(f"{base}/{owner.user_id}")) == "permission_denied"
        assert admin.api.patch(f"{base}/{member.user_id}", {"role": "billing"}).status_code == 200

    def test_hand_the_organization_over(self) -> None:
        owner = journey.sign_up()
        heir = join(owner)
        path = f"/api/v1/organizations/{owner.organization_id}/transfer-ownership"
        assert code(heir.api.post(path, {"user_id": heir.user_id})) == "permission_denied"
        assert owner.api.post(path, {"user_id": heir.user_id}).status_code == 204
        members = heir.api.get(f"/api/v1/organizations/{owner.organization_id}/members").json()["results"]
        assert {(one["user_id"], one["role"]) for one in members} == {
            (owner.user_id, "admin"),
            (heir.user_id, "owner"),
        }

    def test_two_owners_cannot_both_leave_at_once(self) -> None:
        owner = journey.sign_up()
        other = join(owner, "owner")
        base = f"/api/v1/organizations/{owner.organization_id}/members"
        statuses: list[int] = []
        start = threading.Barrier(2)

        def leave(customer: Customer) -> None:
            start.wait()
            statuses.append(customer.api.delete(f"{base}/{customer.user_id}").status_code)
            connections.close_all()

        threads = [threading.Thread(target=leave, args=(customer,)) for customer in (owner, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [204, 409]


class TestTeams:
    def test_group_members(self) -> None:
        owner = journey.sign_up()
        guest = join(owner)
        base = f"/api/v1/organizations/{owner.organization_id}/teams"
        team = owner.api.post(base, {"name": "Compilers"}).json()
        assert owner.api.post(f"{base}/{team['id']}/members", {"user_id": guest.user_id}).status_code == 204
        assert owner.api.post(f"{base}/{team['id']}/members", {"user_id": guest.user_id}).status_code == 204
        assert guest.api.get(base).json()["results"][0]["members_count"] == 1
        assert owner.api.delete(f"{base}/{team['id']}/members/{guest.user_id}").status_code == 204
        assert owner.api.patch(f"{base}/{team['id']}", {"name": "Linkers"}).json()["name"] == "Linkers"
        assert owner.api.delete(f"{base}/{team['id']}").status_code == 204

    def test_have_names_of_their_own(self) -> None:
        owner = journey.sign_up()
        base = f"/api/v1/organizations/{owner.organization_id}/teams"
        owner.api.post(base, {"name": "Compilers"})
        answer = owner.api.post(base, {"name": "Compilers"})
        assert (answer.status_code, code(answer)) == (400, "team_name_taken")

    def test_take_members_of_the_organization_only(self) -> None:
        owner, stranger = journey.sign_up(), journey.sign_up()
        base = f"/api/v1/organizations/{owner.organization_id}/teams"
        team = owner.api.post(base, {"name": "Compilers"}).json()
        answer = owner.api.post(f"{base}/{team['id']}/members", {"user_id": stranger.user_id})
        assert (answer.status_code, code(answer)) == (404, "member_not_found")

    def test_do_not_keep_who_leaves_the_organization_meanwhile(self) -> None:
        owner = journey.sign_up()
        guest = join(owner)
        base = f"/api/v1/organizations/{owner.organization_id}/teams"
        team = owner.api.post(base, {"name": "Compilers"}).json()
        with psycopg.connect(servers.current().postgres.url("migrator")) as leaving:
            leaving.execute("delete from organizations_membership where user_id = %s", [guest.user_id])
            with ThreadPoolExecutor(1) as pool:
                adding = pool.submit(self.add, owner, f"{base}/{team['id']}/members", guest.user_id)
                until_blocked(1)
                leaving.commit()
                assert code(adding.result()) == "member_not_found"
        assert owner.api.get(f"{base}/{team['id']}/members").json()["count"] == 0

    def add(self, owner: Customer, path: str, user_id: str) -> Any:
        """Put a member into a team, from a thread of its own."""
        try:
            return owner.api.post(path, {"user_id": user_id})
        finally:
            connections.close_all()

    def test_let_go_of_who_is_no_member_any_more_however_they_left(self) -> None:
        owner = journey.sign_up()
        base = f"/api/v1/organizations/{owner.organization_id}/teams"
        team = owner.api.post(base, {"name": "Compilers"}).json()
        owner.api.post(f"{base}/{team['id']}/members", {"user_id": owner.user_id})
        assert count("organizations_teammembership") == 1
        as_owner("delete from organizations_membership where user_id = %s", owner.user_id)
        assert count("organizations_teammembership") == 0

    def test_are_managed_by_those_who_may(self) -> None:
        owner = journey.sign_up()
        guest = join(owner)
        base = f"/api/v1/organizations/{owner.organization_id}/teams"
        assert code(guest.api.post(base, {"name": "Compilers"})) == "permission_denied"


class TestOrganization:
    def test_is_unknown_to_strangers(self) -> None:
        owner, stranger = journey.sign_up(), journey.sign_up()
        for path in (owner.organization_id, str(new_id())):
            answer = stranger.api.get(f"/api/v1/organizations/{path}")
            assert (answer.status_code, code(answer)) == (404, "organization_not_found")

    def test_can_be_renamed_and_another_made(self) -> None:
        owner = journey.sign_up()
        renamed = owner.api.patch(f"/api/v1/organizations/{owner.organization_id}", {"name": "Difference Engines"})
        assert renamed.json()["name"] == "Difference Engines"
        assert owner.api.post("/api/v1/organizations", {"name": "Second"}).status_code == 201
        assert owner.api.get("/api/v1/organizations").json()["count"] == 2

    def test_is_closed_for_good_and_its_keys_are_gone(self) -> None:
        licensed = journey.licensed()
        owner = licensed.customer
        assert owner.api.delete(f"/api/v1/organizations/{owner.organization_id}").status_code == 204
        assert owner.api.get("/api/v1/licenses").status_code == 404
