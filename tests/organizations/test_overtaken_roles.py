"""A member who was let in just before their role was taken: what they may do is asked again behind the lock."""

from uuid import UUID

import pytest

from organizations.errors import PermissionDenied
from organizations.models import Role
from organizations.services import invitations, members, profile
from tests import journey
from tests.api.beneath import as_owner
from tests.invitations import join
from tests.journey import Customer
from users.models import User

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def owner(db: None) -> Customer:
    """Return the owner of an organization."""
    return journey.sign_up()


@pytest.fixture
def fallen(owner: Customer) -> Customer:
    """Return one who was an owner of it when their request was let in, and is a member now."""
    other = join(owner, "owner")
    answer = owner.api.patch(
        f"/api/v1/organizations/{owner.organization_id}/members/{other.user_id}", {"role": "member"}
    )
    assert answer.status_code == 200, answer.content
    return other


class TestFallenOwner:
    def test_takes_nobody_out_and_gives_nobody_a_role(self, owner: Customer, fallen: Customer) -> None:
        place, actor, victim = UUID(owner.organization_id), UUID(fallen.user_id), UUID(join(owner, "admin").user_id)
        with pytest.raises(PermissionDenied):
            members.remove(organization_id=place, actor_id=actor, user_id=victim)
        with pytest.raises(PermissionDenied):
            members.change_role(organization_id=place, actor_id=actor, user_id=actor, role=Role.ADMIN)
        assert as_owner("select role from organizations_membership where user_id = %s", victim) == [
            ("owner",),
            ("admin",),
        ]

    def test_invites_nobody(self, owner: Customer, fallen: Customer) -> None:
        inviter = User.objects.get(id=fallen.user_id)
        with pytest.raises(PermissionDenied):
            invitations.invite(
                organization_id=UUID(owner.organization_id), inviter=inviter, email="grace@example.com", role=Role.OWNER
            )

    def test_does_not_close_the_organization(self, owner: Customer, fallen: Customer) -> None:
        with pytest.raises(PermissionDenied):
            profile.close(organization_id=UUID(owner.organization_id), actor_id=UUID(fallen.user_id))
        assert owner.api.get(f"/api/v1/organizations/{owner.organization_id}").status_code == 200
