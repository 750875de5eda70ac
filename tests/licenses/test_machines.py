"""When a machine is taken for one that is known, by each policy: the rule itself, without a database."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licenses.errors import HardwareSignalsInvalid
from licenses.machines import HARDWARE_ID, MOST_SIGNALS, Shown, matches, recognise, shown

POLICIES = ("any", "most", "all")
signals = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123"), max_size=6)


@dataclass(frozen=True)
class Machine:
    """A machine as an activation knows it."""

    hardware_hash: bytes
    signals: dict[str, str]


class TestMatches:
    @pytest.mark.parametrize(
        ("known", "same", "expected"),
        [(1, 0, ""), (1, 1, "any most all"), (2, 1, "any"), (2, 2, "any most all"), (3, 1, "any"), (3, 2, "any most"),
         (4, 2, "any"), (4, 3, "any most"), (4, 4, "any most all"), (5, 3, "any most"), (5, 2, "any"), (5, 0, "")],
    )  # fmt: skip
    def test_counts_what_is_known_and_shown_alike(self, known: int, same: int, expected: str) -> None:
        before = {str(number): "x" for number in range(known)}
        now = {str(number): "x" if number < same else "y" for number in range(known)} | {"unknown": "x"}
        assert " ".join(policy for policy in POLICIES if matches(before, now, policy)) == expected

    @given(signals.filter(bool), signals)
    def test_asks_for_more_by_each_policy(self, known: dict[str, str], now: dict[str, str]) -> None:
        found = [matches(known, now, policy) for policy in POLICIES]
        assert found == sorted(found, reverse=True), "what all says, most says; what most says, any says"
        assert all(matches(known, known | now, policy) for policy in POLICIES) or now.keys() & known.keys()

    @given(signals.filter(bool), signals, signals)
    def test_does_not_depend_on_what_is_not_known(self, known: Any, now: Any, more: Any) -> None:
        extra = {f"x{name}": value for name, value in more.items()}
        for policy in POLICIES:
            assert matches(known, now, policy) == matches(known, now | extra, policy)


class TestRecognise:
    def test_takes_the_one_with_most_in_common_then_the_first(self) -> None:
        one, two, three = (Machine(bytes([number]) * 32, {"a": "1", **more}) for number, more in
                           enumerate(({"b": "1"}, {"b": "2", "c": "2"}, {"b": "2", "c": "2"})))  # fmt: skip
        seen = Shown(b"?" * 32, {"a": "1", "b": "2", "c": "2"})
        assert recognise([one, two, three], seen, "any") is two
        assert recognise([one], seen, "any") is one
        assert recognise([one], seen, "most") is None

    def test_takes_the_one_that_was_bound_by_this_id_where_several_have_as_much_in_common(self) -> None:
        seen = shown(hardware_id="machine-0001", signals={"board": "To be filled by O.E.M."})
        alike = Machine(b"?" * 32, {HARDWARE_ID: "?", "board": seen.signals["board"]})
        own = Machine(seen.hardware_hash, {})
        assert recognise([alike, own], seen, "any") is own

    def test_knows_a_machine_without_signals_by_its_id(self) -> None:
        seen = shown(hardware_id="machine-0001", signals={"disk": "d-1"})
        assert recognise([Machine(seen.hardware_hash, {})], seen, "all") is not None
        assert recognise([Machine(b"?" * 32, {})], seen, "any") is None


class TestShown:
    def test_keeps_no_value_and_tells_names_apart(self) -> None:
        seen = shown(hardware_id="machine-0001", signals={"disk": "serial", "board": "serial"})
        assert set(seen.signals) == {HARDWARE_ID, "disk", "board"}
        assert seen.signals["disk"] != seen.signals["board"]
        assert "serial" not in str(seen)

    @pytest.mark.parametrize(
        "signals",
        [{HARDWARE_ID: "x"}, {"": "x"}, {"Disk": "x"}, {"disk": ""}, {"disk": "x" * 256}, {"disk": "\x00"}, {"1": "x"},
         {"disk": "é"}, {"d" * 41: "x"}, {f"s{number}": "x" for number in range(MOST_SIGNALS + 1)}],
    )  # fmt: skip
    def test_refuses_signals_of_another_form(self, signals: dict[str, str]) -> None:
        with pytest.raises(HardwareSignalsInvalid):
            shown(hardware_id="machine-0001", signals=signals)
