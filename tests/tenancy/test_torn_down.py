"""Walls torn down on purpose, one at a time: the catalogue names each, and the tests of the walls go red."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from config.kernel import catalogue
from config.kernel.walls import CURRENT
from tests.api.beneath import as_owner
from tests.kernel.test_raw_sql import FORBIDDEN, denied
from tests.plugins import servers
from tests.tenancy.attack import Attack, WallDown
from tests.tenancy.inputs import operations
from tests.tenancy.world import settle

pytestmark = pytest.mark.usefixtures("db")

OWN = f"(organization_id = {CURRENT})"
REBUILT = f"create policy tenant_wall on {{}} as restrictive for all using {OWN} with check {OWN}"
NO_WALL = "{}: no restrictive policy on organization_id for all commands and roles"
WALLS = "select tablename, policyname, permissive, roles, cmd, qual, with_check from pg_policies order by 1, 2"


@dataclass(frozen=True)
class Fault:
    """A wall torn down: by which statements, how it is put up again, and how the catalogue's sentence begins.

    `seen_at`: an operation that shows it.
    """

    torn: tuple[str, ...]
    rebuilt: tuple[str, ...]
    named: str
    seen_at: str = ""

    def among(self, sentences: list[str]) -> bool:
        """Return whether the catalogue names it."""
        return any(sentence.startswith(self.named) for sentence in sentences)


SEEN_FROM_OUTSIDE = [
    Fault(
        ("drop policy tenant_wall on licenses_license",),
        (REBUILT.format("licenses_license"),),
        NO_WALL.format("licenses_license"),
        "GET /api/v1/licenses",
    ),
    Fault(
        ("alter table organizations_team disable row level security",),
        ("alter table organizations_team enable row level security",),
        "organizations_team: row-level security is not enabled and forced",
        "GET /api/v1/organizations/{organization}/teams",
    ),
    Fault(  # OR-ed with the permissive policy beneath it, it holds nothing back
        ("drop policy tenant_wall on subscriptions_subscription",
         REBUILT.format("subscriptions_subscription").replace("as restrictive", "as permissive")),
        ("drop policy tenant_wall on subscriptions_subscription", REBUILT.format("subscriptions_subscription")),
        NO_WALL.format("subscriptions_subscription"),
        "GET /api/v1/subscriptions",
    ),
    Fault(
        ("alter policy tenant_wall on organizations_invitation using (true)",),
        (f"alter policy tenant_wall on organizations_invitation using {OWN}",),
        NO_WALL.format("organizations_invitation"),
        "GET /api/v1/organizations/{organization}/invitations",
    ),
    Fault(
        ("alter role coditect_app bypassrls",),
        ("alter role coditect_app nobypassrls",),
        "coditect_app: is a superuser or bypasses row-level security",
        "GET /api/v1/licenses",
    ),
]  # fmt: skip
# No route would show these, which is why the rights are tried with SQL as well.
SEEN_WITH_SQL = [
    Fault(
        ("grant update on users_auditentry to coditect_app",),
        ("revoke update on users_auditentry from coditect_app",),
        "users_auditentry: coditect_app may UPDATE",
    ),
    Fault(
        ("grant update (is_platform_admin) on users_user to coditect_app",),
        ("revoke update (is_platform_admin) on users_user from coditect_app",),
        "users_user.is_platform_admin: coditect_app may UPDATE",
    ),
]
# The web's role owns nothing, so that only an owner would see past an unforced wall; and behind each of these stands
# another wall, so that nothing is lost yet.
NAMED_ONLY = [
    Fault(
        ("alter table organizations_membership no force row level security",),
        ("alter table organizations_membership force row level security",),
        "organizations_membership: row-level security is not enabled and forced",
    ),
    Fault(
        ("grant truncate on licenses_license to coditect_app",),
        ("revoke truncate on licenses_license from coditect_app",),
        "licenses_license: coditect_app may TRUNCATE",
    ),
    Fault(
        ("alter table licenses_activation drop constraint licenses_activation_license_id_of_tenant",),
        ("alter table licenses_activation add constraint licenses_activation_license_id_of_tenant foreign key "
         "(organization_id, license_id) references licenses_license (organization_id, id)",),
        "licenses_activation: licenses_activation_license_id_",  # and a number that Django makes up
    ),
]  # fmt: skip


@contextmanager
def torn_down(fault: Fault) -> Iterator[list[str]]:
    """Tear a wall down, return what the catalogue says to it, and put the wall up again as it was."""
    before: list[Any] = as_owner(WALLS)
    with psycopg.connect(servers.current().postgres.url("superuser"), autocommit=True) as admin:
        try:
            for statement in fault.torn:
                admin.execute(statement)
            # A role's own connections keep what it was when they began.
            connections.close_all()
            with connection.cursor() as cursor:
                named = catalogue.wall_faults(cursor)
            yield named
        finally:
            for statement in fault.rebuilt:
                admin.execute(statement)
            connections.close_all()
    assert as_owner(WALLS) == before
    with connection.cursor() as cursor:
        assert catalogue.wall_faults(cursor) == []


class TestWallTornDown:
    @pytest.mark.parametrize("fault", SEEN_FROM_OUTSIDE, ids=lambda fault: fault.torn[0])
    def test_is_seen_by_asking_the_api(self, fault: Fault) -> None:
        eve, ada = settle("eve"), settle("ada")
        (operation,) = [one for one in operations() if str(one) == fault.seen_at]
        Attack(eve, ada, caller=eve.owner).one(operation)
        with torn_down(fault) as named:
            assert fault.among(named), named
            with pytest.raises(WallDown):
                Attack(eve, ada, caller=eve.owner).one(operation)

    @pytest.mark.parametrize("fault", SEEN_WITH_SQL, ids=lambda fault: fault.torn[0])
    def test_is_seen_by_asking_with_sql(self, fault: Fault) -> None:
        denied("app", FORBIDDEN)
        with torn_down(fault) as named:
            assert fault.among(named), named
            with pytest.raises(pytest.fail.Exception, match="app may"):
                denied("app", FORBIDDEN)

    @pytest.mark.parametrize("fault", NAMED_ONLY, ids=lambda fault: fault.torn[0])
    def test_is_named_where_nothing_else_would_see_it(self, fault: Fault) -> None:
        with torn_down(fault) as named:
            assert fault.among(named), named
