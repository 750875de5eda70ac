"""Licence keys: what is forgiven, and that no typing error of one kind or the other goes unnoticed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licenses import keys
from licenses.errors import LicenseKeyMalformed
from licenses.keys import ALPHABET, generate, masked, normalize

symbols = st.text(alphabet=ALPHABET, min_size=18, max_size=18)


def key_of(payload: str) -> str:
    """Return the key that has this payload."""
    return keys._grouped(payload + keys._check_symbols(payload))


def accepted(text: str) -> bool:
    """Return whether a text passes for a key."""
    try:
        normalize(text)
    except LicenseKeyMalformed:
        return False
    return True


class TestGenerate:
    def test_makes_keys_of_the_documented_form_that_are_their_own_canonical_form(self) -> None:
        made = {generate() for _ in range(500)}
        assert len(made) == 500
        for key in made:
            assert re.fullmatch(rf"CODITECT(-[{ALPHABET}]{{4}}){{5}}", key)
            assert normalize(key) == key

    def test_uses_every_symbol_in_every_place(self) -> None:
        places = [set(column) for column in zip(*(generate()[9:] for _ in range(2000)), strict=True)]
        for place in places[0:3] + places[5:8]:
            assert place == set(ALPHABET)


class TestChecksum:
    @given(symbols)
    def test_finds_every_single_wrong_symbol(self, payload: str) -> None:
        right = key_of(payload)
        for at, symbol in enumerate(right):
            if at < 9 or symbol == "-":
                continue
            for other in set(ALPHABET) - {symbol}:
                assert not accepted(right[:at] + other + right[at + 1 :]), (right, at, other)

    @given(symbols)
    def test_finds_every_swap_of_two_payload_symbols(self, payload: str) -> None:
        right = key_of(payload).replace("-", "")
        for one in range(8, 26):
            for other in range(one + 1, 26):
                if right[one] != right[other]:
                    swapped = list(right)
                    swapped[one], swapped[other] = right[other], right[one]
                    assert not accepted("".join(swapped)), (right, one, other)

    @given(symbols)
    def test_finds_the_two_check_symbols_swapped(self, payload: str) -> None:
        right = key_of(payload)
        assert right[-1] == right[-2] or not accepted(right[:-2] + right[-1] + right[-2])

    @given(symbols, st.integers(8, 27))
    def test_finds_a_symbol_too_few_and_one_too_many(self, payload: str, at: int) -> None:
        right = key_of(payload).replace("-", "")
        assert not accepted(right[:at] + right[at + 1 :])
        assert not accepted(right[:at] + right[at] + right[at:])


class TestNormalize:
    @given(symbols, st.data())
    def test_forgives_case_spaces_hyphens_and_lookalikes(self, payload: str, data: st.DataObject) -> None:
        right = key_of(payload)
        lookalikes = {"0": "0Oo", "1": "1IiLl"}
        written = ""
        for at, symbol in enumerate(right.replace("-", "")):
            spellings = lookalikes.get(symbol, symbol + symbol.lower()) if at >= 8 else symbol + symbol.lower()
            written += data.draw(st.sampled_from(spellings)) + data.draw(
                st.sampled_from(["", "", "-", " ", "\t", " - "])
            )
        assert normalize(f"\n{written} ") == right

    @pytest.mark.parametrize("year", ["2000", "2024", "2099"])
    def test_accepts_the_older_form(self, year: str) -> None:
        assert normalize(f" coditect {year}-ab12 cd34") == f"CODITECT-{year}-AB12-CD34"
        assert normalize(f"CODITECT-{year}-OIL0-ABCD") == f"CODITECT-{year}-OIL0-ABCD", (
            "it has no lookalikes to forgive"
        )

    @pytest.mark.parametrize(
        "text",
        ["", " ", "-", "CODITECT", "CODITECT-", "CODITECT-0000-0000-0000-0000-000U", "x" * 100_000,
         "CODITECT-0000-0000-0000-0000-000\x00", "C0DITECT-0000-0000-0000-0000-0000", "0000-0000-0000-0000-0000",
         "CODITECT-1999-AB12-CD34", "CODITECT-2024-AB12", "CODITECT-2024-AB12-CD3!", "CODITECT" + "-" * 100_000,
         "CODITECT-0000-0000-0000-0000-0000-0000", "CODITECT_0000_0000_0000_0000_0000",
         "CODITECT-0000-0000-0000-0000-000\uff10", "CODITECT-\u0660000-0000-0000-0000-0000",
         "CODITECT-0000-0000-0000-0000-000\u0131", "\uff23ODITECT-0000-0000-0000-0000-0000"],
    )  # fmt: skip
    def test_refuses(self, text: str) -> None:
        assert not accepted(text)

    @given(st.text())
    def test_ends_any_text_as_a_key_or_as_malformed(self, text: str) -> None:
        for attempt in (text, f"CODITECT-{text}"):
            assert accepted(attempt) in (True, False)


class TestMasked:
    def test_shows_the_last_four_symbols_only(self) -> None:
        assert masked("CODITECT-VC78-YEMM-44HV-BY8F-ZHDA") == "CODITECT-****-ZHDA"
