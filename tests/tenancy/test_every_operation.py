"""Every operation of the API, asked by one organization for what is another's: nothing is told, nothing is changed."""

from typing import Any
from uuid import UUID

import pytest

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses.models import License, LicenseSession
from licenses.selectors import get_license, list_live_sessions
from organizations.models import Membership, Organization, TeamMembership
from organizations.selectors import get_organization, list_owners, list_team_members
from tests.tenancy import rows
from tests.tenancy.attack import Attack
from tests.tenancy.world import World, settle

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def worlds(db: None) -> tuple[World, World]:
    """Return who attacks and who is attacked."""
    return settle("eve"), settle("ada")


class TestEveryOperation:
    def test_has_something_to_tell(self, worlds: tuple[World, World]) -> None:
        empty = [table for table, (number, _) in rows.picture(worlds[1]).items() if not number]
        assert empty == [], "a world has a row in every table of an organization"

    @pytest.mark.parametrize("role", ["owner", "member"])
    def test_tells_and_changes_nothing_of_another_organization(
        self, worlds: tuple[World, World], role: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tried(Attack(*worlds, caller=getattr(worlds[0], role)), capsys, f"as {role}")

    def test_tells_and_changes_nothing_without_the_filters_in_our_queries(
        self, worlds: tuple[World, World], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for selector, unfiltered in UNFILTERED.items():
            # The code, and not the name, so that whoever has imported the selector runs it without its filter as well.
            monkeypatch.setattr(selector, "__code__", unfiltered.__code__)
        with organization_context(UUID(worlds[0].organization_id)):
            assert get_license(license_id=new_id()).organization_id == UUID(worlds[0].organization_id), "no filter"
        tried(Attack(*worlds, caller=worlds[0].owner), capsys, f"without the filters of {len(UNFILTERED)} selectors")


def tried(attack: Attack, capsys: pytest.CaptureFixture[str], how: str) -> None:
    """Run an attack, and say how much was tried; the attacker must have been let in all the time."""
    attack.every_operation()
    with capsys.disabled():
        print(f"\n{attack.operations} operations, {attack.requests} requests {how}: 0 leaks, 0 changes")  # noqa: T201
    assert attack.caller.api.get("/api/v1/licenses").json()["count"] == 1, "the attacker's own was there to the end"


def any_license(*, license_id: UUID) -> Any:
    return License.objects.all()[0]


def every_session(*, license_id: UUID) -> Any:
    return LicenseSession.objects.all()


def any_organization(*, organization_id: UUID, lock: bool = False) -> Any:
    return Organization.objects.all()[0]


def every_team_member(*, team_id: UUID) -> Any:
    return TeamMembership.objects.all()


def every_owner(*, organization_id: UUID) -> Any:
    return [membership.user for membership in Membership.objects.all()]


UNFILTERED: dict[Any, Any] = {
    get_license: any_license,
    list_live_sessions: every_session,
    get_organization: any_organization,
    list_team_members: every_team_member,
    list_owners: every_owner,
}
"""What selectors would be if somebody forgot their filters; they run among the names of the selector's own module."""
