"""/audit: the organization's log in pages and as an export, for whom it is meant, and nobody else's."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from config.kernel.ids import new_id
from tests import journey
from tests.api.beneath import as_owner, join
from tests.api.refusals import refused
from tests.audit_trail import append, append_many, seal
from tests.journey import Customer
from tests.query_counts import statements

pytestmark = pytest.mark.usefixtures("db")

LIST, EXPORT = "/api/v1/audit", "/api/v1/audit/export"


@pytest.fixture
def ada(db: None) -> Customer:
    """Return an owner whose log has six entries: the organization's beginning and five changes."""
    customer = journey.sign_up()
    append(UUID(customer.organization_id), 5)
    return customer


def listed(customer: Customer, query: str = "") -> list[dict[str, Any]]:
    """Return the entries on a page."""
    answer = customer.api.get(f"{LIST}?{query}")
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def exported(customer: Customer, query: str = "", **headers: str) -> list[dict[str, Any]]:
    """Return the lines of an export."""
    answer: Any = customer.api.get(f"{EXPORT}?{query}", headers=headers)
    assert answer.status_code == 200
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


class TestList:
    def test_shows_the_newest_first_and_says_what_is_sealed(self, ada: Customer) -> None:
        assert seal() > 6, "the platform's entries are sealed as well"
        append(UUID(ada.organization_id))
        rows = listed(ada)
        assert [row["action"] for row in rows] == ["THING_CHANGED"] * 6 + ["ORGANIZATION_CREATED"]
        assert [(row["sealed"], row["sequence"]) for row in rows[:2]] == [(False, None), (True, 6)]
        assert [row["sequence"] for row in rows[1:]] == [6, 5, 4, 3, 2, 1]
        assert set(rows[0]) == {"id", "organization_id", "action", "actor_id", "object_type", "object_id", "data",
                                "request_id", "occurred_at", "sealed", "sequence"}  # fmt: skip

    def test_is_paged_by_cursors_that_do_not_shift_while_entries_are_added(self, ada: Customer) -> None:
        first = ada.api.get(f"{LIST}?page_size=4").json()
        assert set(first) == {"next", "previous", "results"}
        append(UUID(ada.organization_id), 3)
        second = ada.api.get(first["next"]).json()
        seen = [row["id"] for row in first["results"] + second["results"]]
        assert second["next"] is None
        assert [row["id"] for row in listed(ada)][3:] == seen
        assert ada.api.get(second["previous"]).json()["results"] == first["results"]

    @pytest.mark.parametrize("name", ["actor_id", "object_id", "request_id", "action", "object_type"])
    def test_is_filtered(self, ada: Customer, name: str) -> None:
        wanted = ada.api.patch(f"/api/v1/organizations/{ada.organization_id}", {"name": "Engines"})
        assert wanted.status_code == 200
        value = {
            "actor_id": ada.user_id, "object_id": ada.organization_id, "request_id": wanted.headers["X-Request-ID"],
            "action": "ORGANIZATION_RENAMED", "object_type": "organization",
        }[name]  # fmt: skip
        rows = listed(ada, f"{name}={value}")
        assert rows[0]["action"] == "ORGANIZATION_RENAMED"
        assert {str(row[name]) for row in rows} == {value}
        assert listed(ada, f"{name}={new_id()}") == []

    def test_is_filtered_by_time(self, ada: Customer) -> None:
        rows = listed(ada)
        rows_after = listed(ada, f"occurred_after={rows[3]['occurred_at']}")
        rows_before = listed(ada, f"occurred_before={rows[3]['occurred_at']}")
        assert (rows_after, rows_before) == (rows[:3], rows[4:])

    @pytest.mark.parametrize("cursor", ["x", "cD0x", "cD0nIG9yIDE9MQ==", "bz0tMQ==", "cj14", "é"])
    def test_refuses_a_cursor_that_is_none_of_ours(self, ada: Customer, cursor: str) -> None:
        refused(ada.api.get(LIST, {"cursor": cursor}), 404, "not_found")


class TestExport:
    def test_has_what_the_list_has_and_records_itself(self, ada: Customer) -> None:
        seal()
        before = listed(ada)
        lines = exported(ada)
        assert lines[1:] == before
        assert (lines[0]["action"], lines[0]["actor_id"], lines[0]["data"]) == (
            "AUDIT_EXPORTED", ada.user_id, {"filters": {}},
        )  # fmt: skip

    def test_takes_the_filters_of_the_list(self, ada: Customer) -> None:
        assert exported(ada, "action=ORGANIZATION_CREATED") == listed(ada, "action=ORGANIZATION_CREATED")
        (recorded,) = listed(ada, "action=AUDIT_EXPORTED")
        assert recorded["data"] == {"filters": {"action": "ORGANIZATION_CREATED"}}
        refused(ada.api.get(f"{EXPORT}?actor_id=nobody"), 400, "invalid", "actor_id")
        assert len(listed(ada, "action=AUDIT_EXPORTED")) == 1

    @pytest.mark.parametrize("accept", ["*/*", "application/x-ndjson", "application/json", "text/csv"])
    def test_is_a_download_whatever_is_accepted(self, ada: Customer, accept: str) -> None:
        answer: Any = ada.api.get(EXPORT, headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="coditect-audit.jsonl"'
        assert answer.headers["Cache-Control"] == "no-store"
        assert len(b"".join(answer.streaming_content).splitlines()) == 7
        refused(ada.api.get(EXPORT, headers={"Accept": accept, "X-Organization": "x"}), 404, "organization_not_found")

    def test_is_read_in_batches_none_of_which_holds_a_transaction_meanwhile(self, ada: Customer) -> None:
        append_many(UUID(ada.organization_id), 2500)
        answer: Any = ada.api.get(EXPORT)
        lines = iter(answer.streaming_content)
        with statements(2):
            first = [next(lines) for _ in range(1000)]
            assert not connection.in_atomic_block
        with statements(4):
            rest = list(lines)
        ids = [json.loads(line)["id"] for line in [*first, *rest]]
        assert len(ids) == len(set(ids)) == 2507

    def test_shows_the_organizations_own_entries_only(self, ada: Customer) -> None:
        eve = journey.sign_up()
        append_many(UUID(eve.organization_id), 1500)
        for customer in (ada, eve):
            for rows in (exported(customer), listed(customer, "page_size=200")):
                assert {row["organization_id"] for row in rows} == {customer.organization_id}


class TestPermission:
    @pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("billing", 403), ("member", 403)])
    def test_is_the_owners_and_admins(self, ada: Customer, role: str, status: int) -> None:
        somebody = journey.sign_up()
        join(ada.organization_id, somebody.user_id, role)
        for path in (LIST, EXPORT):
            answer = somebody.api.get(path, headers={"X-Organization": ada.organization_id})
            assert answer.status_code == status
            if status == 403:
                refused(answer, 403, "permission_denied")

    def test_of_a_refused_reader_is_in_what_they_could_not_read(self, ada: Customer) -> None:
        somebody = journey.sign_up()
        join(ada.organization_id, somebody.user_id, "member")
        somebody.api.get(EXPORT, headers={"X-Organization": ada.organization_id})
        (kept,) = listed(ada, "action=PERMISSION_DENIED")
        assert (kept["actor_id"], kept["data"]["route"]) == (somebody.user_id, "api/v1/audit/export")
        assert as_owner("select count(*) from users_auditentry where action = 'AUDIT_EXPORTED'") == [(0,)]
