"""Many requests with one ID token at the same time: one account, one link, one welcome."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests import journey
from tests.api.beneath import as_owner, count
from tests.concurrency.together import at_once
from tests.firebase_project import FirebaseProject, firebase_project
from tests.jobs import run_jobs

pytestmark = pytest.mark.usefixtures("db")
TABLES = ("users_user", "users_firebaseidentity", "organizations_organization", "organizations_membership")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[FirebaseProject]:
    """Return a Firebase project that is ours."""
    with firebase_project(tmp_path) as project:
        yield project


def exchanged_at_once(*tokens: str) -> list[Any]:
    """Exchange all of them in the same moment."""
    return at_once(
        [lambda token=token: APIClient().post("/api/v1/auth/firebase", {"id_token": token}) for token in tokens]  # type: ignore[misc]
    )


def mails(kind: str) -> int:
    """Return how many mails of a kind were queued."""
    return int(as_owner("select count(*) from emails_emaillog where kind = %s", kind)[0][0])


class TestFirstExchange:
    def test_of_one_token_many_times_makes_one_account(self, project: FirebaseProject) -> None:
        token = project.sign_in()
        answers = exchanged_at_once(*[token] * 8)
        assert [answer.status_code for answer in answers] == [200] * 8
        assert len({answer.json()["user"]["id"] for answer in answers}) == 1
        assert [count(table) for table in TABLES] == [1, 1, 1, 1]
        run_jobs()
        assert mails("welcome") == 1

    def test_into_an_account_that_exists_links_it_once(self, project: FirebaseProject) -> None:
        journey.sign_up(email="ada@example.com")
        answers = exchanged_at_once(*[project.sign_in()] * 8)
        assert [answer.status_code for answer in answers] == [200] * 8
        assert [count(table) for table in TABLES] == [1, 1, 1, 1]
        assert mails("firebase_linked") == 1

    def test_of_an_account_that_nobody_verified_takes_it_over_once(self, project: FirebaseProject) -> None:
        journey.register(APIClient(), email="ada@example.com")
        answers = exchanged_at_once(*[project.sign_in()] * 8)
        assert [answer.status_code for answer in answers] == [200] * 8
        taken = as_owner("select count(*) from users_auditentry where action = 'PASSWORD_REMOVED'")
        assert (taken, mails("welcome")) == ([(1,)], 1)

    def test_of_two_firebase_users_with_one_address_makes_one_account(self, project: FirebaseProject) -> None:
        tokens = [project.sign_in("uid-1"), project.sign_in("uid-2")] * 3
        answers = exchanged_at_once(*tokens)
        assert [answer.status_code for answer in answers] == [200] * 6
        assert [count(table) for table in TABLES] == [1, 2, 1, 1]
