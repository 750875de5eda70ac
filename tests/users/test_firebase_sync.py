"""Copying our users to Firebase: who, when, and what of them; against the real SDK and a strict project on loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client, override_settings
from rest_framework.test import APIClient

from tests import journey
from tests.api.beneath import as_owner
from tests.firebase_project import PROJECT, FirebaseProject, firebase_project
from tests.jobs import run_jobs
from tests.journey import Customer
from users.errors import FirebaseUnavailable
from users.models import User
from users.services import accounts, firebase_sync

pytestmark = pytest.mark.usefixtures("db")
UPDATE = f"/v1/projects/{PROJECT}/accounts:update"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[FirebaseProject]:
    """Return a project that our users are copied to."""
    with firebase_project(tmp_path, FIREBASE_SYNC_USERS=True) as project:
        yield project


@pytest.fixture
def ada(db: None, project: FirebaseProject) -> Customer:
    """Return somebody who has verified their address."""
    ada = journey.sign_up(email="ada@example.com")
    run_jobs()
    return ada


def jobs() -> int:
    """Return how many jobs wait for Firebase."""
    return int(as_owner("select count(*) from procrastinate_jobs where task_name = 'users.sync_to_firebase'")[0][0])


def linked() -> list[Any]:
    """Return which Firebase users are known."""
    return [row[0] for row in as_owner("select uid from users_firebaseidentity order by id")]


class TestSync:
    def test_begins_when_an_address_is_verified_and_not_before(self, project: FirebaseProject) -> None:
        made = journey.register(APIClient(), email="ada@example.com")
        run_jobs()
        firebase_sync.sync(user_id=UUID(made["user_id"]))
        assert (project.accounts, project.asked) == ({}, [])
        APIClient().get(f"/api/v1/auth/verify-email/{made['verification_token']}")
        run_jobs()
        assert project.accounts == {
            made["user_id"]: {
                "localId": made["user_id"],
                "email": "ada@example.com",
                "displayName": "Ada Lovelace",
                "emailVerified": True,
                "disabled": False,
            }
        }
        assert linked() == [made["user_id"]]

    def test_may_be_repeated(self, project: FirebaseProject, ada: Customer) -> None:
        before = dict(project.accounts)
        for _ in range(2):
            firebase_sync.sync(user_id=UUID(ada.user_id))
        assert (project.accounts, linked()) == (before, [ada.user_id])

    def test_lets_the_copy_sign_in_as_its_original(self, project: FirebaseProject, ada: Customer) -> None:
        token = project.sign_in(ada.user_id, email="another@example.com", email_verified=False)
        answer = APIClient().post("/api/v1/auth/firebase", {"id_token": token})
        assert answer.json()["user"]["id"] == ada.user_id

    def test_follows_a_changed_name(self, project: FirebaseProject, ada: Customer) -> None:
        ada.api.patch("/api/v1/auth/me", {"full_name": "Ada King"})
        run_jobs()
        assert project.accounts[ada.user_id]["displayName"] == "Ada King"

    @pytest.mark.usefixtures("ada")
    def test_follows_a_suspension_by_staff_and_its_end(self, project: FirebaseProject) -> None:
        user = User.objects.get(email="ada@example.com")
        admin = Client()
        admin.force_login(platform_admin())
        for status, disabled in (("suspended", True), ("active", False)):
            page = f"/django-admin/users/user/{user.id}/change/"
            assert admin.post(page, {"status": status, "_save": "Save"}).status_code == 302
            run_jobs()
            assert project.accounts[str(user.id)]["disabled"] is disabled

    def test_brings_a_linked_user_up_to_date_under_their_own_uid(self, project: FirebaseProject) -> None:
        token = project.sign_in()
        access = APIClient().post("/api/v1/auth/firebase", {"id_token": token}).json()["access"]
        run_jobs()
        APIClient().patch("/api/v1/auth/me", {"full_name": "Ada King"}, headers={"Authorization": f"Bearer {access}"})
        run_jobs()
        assert list(project.accounts) == ["uid-ada"]
        assert project.accounts["uid-ada"]["displayName"] == "Ada King"

    def test_leaves_somebody_else_with_the_address_alone(self, project: FirebaseProject) -> None:
        theirs = {"localId": "uid-other", "email": "ada@example.com"}
        project.accounts["uid-other"] = theirs
        journey.sign_up(email="ada@example.com")
        run_jobs()
        assert project.accounts == {"uid-other": theirs}
        assert (linked(), jobs()) == ([], 0)

    def test_waits_for_a_project_that_is_out_and_holds_nobody_up(self, project: FirebaseProject, ada: Customer) -> None:
        project.broken[UPDATE] = 503
        assert ada.api.patch("/api/v1/auth/me", {"full_name": "Ada King"}).status_code == 200
        run_jobs()
        assert jobs() == 1, "it is tried again"
        with pytest.raises(FirebaseUnavailable):
            firebase_sync.sync(user_id=UUID(ada.user_id))
        del project.broken[UPDATE]
        firebase_sync.sync(user_id=UUID(ada.user_id))
        assert project.accounts[ada.user_id]["displayName"] == "Ada King"

    def test_that_was_overtaken_by_a_newer_one_is_put_right(self, project: FirebaseProject, ada: Customer) -> None:
        """While the older one is under way the name changes: what Firebase has in the end is the newer name."""
        renamed: list[Any] = []

        def rename() -> None:
            if not renamed:
                renamed.append(as_owner("update users_user set full_name = 'Newer' where email = 'ada@example.com'"))

        project.before_answer = rename
        firebase_sync.sync(user_id=UUID(ada.user_id))
        assert renamed
        assert project.accounts[ada.user_id]["displayName"] == "Newer"

    def test_asks_only_for_what_it_says(self, project: FirebaseProject, ada: Customer) -> None:
        """The stand-in complains, and the fixture fails, when anything but name, address and status is sent."""
        assert set(project.accounts[ada.user_id]) == {"localId", "email", "displayName", "emailVerified", "disabled"}


class TestRequest:
    def test_is_part_of_the_callers_transaction(self, project: FirebaseProject, ada: Customer) -> None:
        user = User.objects.get(id=ada.user_id)
        with transaction.atomic():
            accounts.update_profile(user=user, full_name="Never")
            transaction.set_rollback(True)
        assert jobs() == 0

    @pytest.mark.parametrize("settings", [{"FIREBASE_SYNC_USERS": False}, {"FIREBASE_PROJECT_ID": ""}], ids=str)
    def test_does_nothing_where_it_is_switched_off(self, project: FirebaseProject, settings: dict[str, Any]) -> None:
        with override_settings(**settings):
            journey.sign_up()
            assert jobs() == 0


def platform_admin() -> User:
    """Return somebody of the staff."""
    user = accounts.create_proven_user(email="staff@example.com", full_name="Staff")
    as_owner("update users_user set is_platform_admin = true where id = %s", user.id)
    return User.objects.get(id=user.id)
