"""Machines that are known by several signals of their hardware, as their licence's `match_policy` says."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.beneath import as_owner, at_once, count
from tests.api.issued import change, licensed
from tests.api.raw import quiet
from tests.api.refusals import refused
from tests.journey import Licensed

pytestmark = pytest.mark.usefixtures("db")

PARTS = {"board": "B-1", "disk": "D-1", "mac": "00:11"}


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence that whoever has the key may use, and that asks for most signals."""
    return licensed(access_policy="key", match_policy="most")


def ask(made: Licensed, verb: str, hardware_id: str = "machine-0001", signals: Any = None, **more: Any) -> Any:
    """Activate, acquire or borrow, by the key alone."""
    body: dict[str, Any] = {"license_key": made.license_key, "hardware_id": hardware_id, **more}
    if signals is not None:
        body["hardware_signals"] = signals
    return quiet(APIClient()).post(f"/api/v1/licenses/{verb}", body)


class TestMost:
    def test_keeps_the_activation_and_the_seat_of_a_machine_that_changes_one_signal(self, made: Licensed) -> None:
        change(made, max_activations=1, max_seats=1)
        assert ask(made, "activate", signals=PARTS).status_code == 201
        seat = ask(made, "acquire", signals=PARTS).json()
        for hardware_id, signals in (
            ("machine-0001", PARTS | {"disk": "D-2"}),
            ("machine-0002", PARTS | {"disk": "D-2"}),
        ):
            again = ask(made, "acquire", hardware_id, signals)
            assert (again.status_code, again.json()["session_id"]) == (200, seat["session_id"])
            assert ask(made, "activate", hardware_id, signals).status_code == 200
        assert count("licenses_activation") == 1

    def test_follows_a_machine_from_change_to_change(self, made: Licensed) -> None:
        change(made, max_activations=1)
        ask(made, "activate", signals=PARTS)
        shown = PARTS
        for change_ in ({"disk": "D-2"}, {"mac": "00:22"}, {"board": "B-2"}):
            shown = shown | change_
            for _ in range(2):
                assert ask(made, "activate", signals=shown).status_code == 200
        told = as_owner("select data from users_auditentry where action = 'ACTIVATION_SIGNALS_CHANGED' order by id")
        assert [row[0]["changed"] for row in told] == [["disk"], ["mac"], ["board"]]

    def test_takes_a_machine_that_changes_half_of_them_for_another(self, made: Licensed) -> None:
        ask(made, "activate", signals=PARTS)
        assert ask(made, "activate", "machine-0002", PARTS | {"disk": "D-2"}).status_code == 201
        assert count("licenses_activation") == 2

    def test_refuses_another_machine_under_a_known_id(self, made: Licensed) -> None:
        ask(made, "activate", signals=PARTS)
        other = {"board": "B-9", "disk": "D-9", "mac": "99:99"}
        for verb in ("activate", "acquire"):
            refused(ask(made, verb, signals=other), 403, "machine_mismatch")
            refused(ask(made, verb), 403, "machine_mismatch")
        change(made, max_borrowed_seats=1)
        for signals in (other, None):
            refused(ask(made, "borrow", signals=signals, days=1), 403, "machine_mismatch")
        assert count("licenses_licensesession") == 0
        assert ask(made, "borrow", signals=PARTS, days=1).status_code == 200

    def test_finds_the_seat_of_a_renamed_machine_on_a_full_licence(self, made: Licensed) -> None:
        change(made, max_seats=1)
        seat = ask(made, "acquire", signals=PARTS).json()
        refused(ask(made, "acquire", "machine-0009"), 429, "no_seats_available")
        again = ask(made, "acquire", "machine-0002", PARTS)
        assert (again.status_code, again.json()["session_id"]) == (200, seat["session_id"])

    def test_binds_one_machine_once_though_it_comes_by_many_names_at_once(self, made: Licensed) -> None:
        change(made, max_seats=6)
        answers = at_once(6, lambda number: ask(made, "acquire", f"machine-000{number}", PARTS))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
        assert count("licenses_activation") == 1
        assert as_owner("select count(*) from licenses_licensesession where ended_at is null") == [(1,)]


class TestOtherPolicies:
    def test_any_keeps_a_machine_by_one_signal_and_all_by_none_less(self, made: Licensed) -> None:
        ask(made, "activate", signals=PARTS)
        one_left = {"board": "B-9", "disk": "D-9", "mac": "00:11"}
        change(made, match_policy="any")
        assert ask(made, "activate", "machine-0002", one_left).status_code == 200
        change(made, match_policy="all")
        assert ask(made, "activate", "machine-0002", one_left).status_code == 200
        assert ask(made, "activate", "machine-0003", one_left).status_code == 201
        refused(ask(made, "activate", "machine-0002", {"board": "B-9"}), 403, "machine_mismatch")

    def test_without_signals_machines_are_known_by_their_id_alone(self, made: Licensed) -> None:
        for policy in ("any", "most", "all"):
            change(made, match_policy=policy)
            assert ask(made, "activate").status_code == (201 if policy == "any" else 200)
            assert ask(made, "acquire").status_code == (201 if policy == "any" else 200)

    def test_without_signals_a_machine_that_changed_its_id_is_known_by_the_new_one(self, made: Licensed) -> None:
        change(made, match_policy="any", max_borrowed_seats=1)
        seat = ask(made, "acquire", signals=PARTS).json()
        ask(made, "activate", "machine-0002", PARTS)
        again = ask(made, "acquire", "machine-0002")
        assert (again.status_code, again.json()["session_id"]) == (200, seat["session_id"])
        borrowed = ask(made, "borrow", "machine-0002", days=1)
        assert (borrowed.status_code, borrowed.json()["session_id"]) == (200, seat["session_id"])
        assert count("licenses_activation") == 1

    def test_any_leaves_a_machine_what_it_was_bound_by_though_another_has_the_same_board(self, made: Licensed) -> None:
        change(made, match_policy="any")
        ask(made, "acquire", signals=PARTS)
        seat = ask(made, "acquire", "machine-0002").json()
        again = ask(made, "acquire", "machine-0002", {"board": PARTS["board"]})
        assert (again.status_code, again.json()["session_id"]) == (200, seat["session_id"])

    def test_signals_are_learned_of_a_machine_that_had_none(self, made: Licensed) -> None:
        ask(made, "activate")
        assert ask(made, "activate", signals=PARTS).status_code == 200
        assert ask(made, "activate", "machine-0002", PARTS).status_code == 200
        path = f"/api/v1/licenses/{made.license_id}/activations"
        (row,) = made.customer.api.get(path).json()["results"]
        assert row["signals"] == ["board", "disk", "hardware_id", "mac"]

    @pytest.mark.parametrize("signals", [{"hardware_id": "x"}, {"Disk": "x"}, {"disk": ""}, {"disk": "\x7f"}])
    def test_refuse_signals_of_another_form(self, made: Licensed, signals: Any) -> None:
        for verb in ("activate", "acquire"):
            answer = ask(made, verb, signals=signals)
            assert answer.status_code == 400, answer.content
            assert answer.json()["errors"][0]["attr"].startswith("hardware_signals")

    def test_no_value_is_stored(self, made: Licensed) -> None:
        ask(made, "acquire", signals={"disk": "SERIAL-4711"})
        assert "SERIAL-4711" not in str(as_owner("select * from licenses_activation, users_auditentry"))
