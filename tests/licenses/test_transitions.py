"""The table of states and verbs, without a database: complete, closed, and true for every history of verbs."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kernel.errors import DomainError
from licenses.errors import LicenseInactive, LicenseNotFound, SuspendedByBilling
from licenses.models import LicenseStatus, SuspensionReason
from licenses.rules import USABLE, standing
from licenses.services import statuses
from licenses.transitions import STORED, TABLE, State, Verb, after, state_of

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PAYING = {Verb.RENEW, Verb.ALLOW_GRACE, Verb.SUSPEND_UNPAID}
ENDING = {Verb.GRACE_OVER, Verb.END}
BILLING = PAYING | ENDING
HELD = {State.HELD, State.ENDED_HELD}
verbs = st.lists(st.sampled_from(sorted(set(Verb) - {Verb.ISSUE})), max_size=20)


def every_pair() -> list[tuple[State, Verb]]:
    """Return each state with each verb."""
    return [(state, verb) for state in State for verb in Verb]


def led(state: State, verb: Verb) -> State | type[DomainError]:
    """Return where a verb leads, or what it is refused with."""
    try:
        return after(state, verb)
    except DomainError as refusal:
        return type(refusal)


def issued() -> Any:
    """Return a licence as `statuses` sees it, fresh from being issued."""
    return SimpleNamespace(
        status=LicenseStatus.ACTIVE,
        suspension_reason=None,
        suspended_at=None,
        deactivated_at=None,
        grace_period_ends_at=None,
    )


class TestTable:
    def test_knows_every_verb_in_every_state(self) -> None:
        assert {(state, verb) for verb, row in TABLE.items() for state in row} == set(every_pair())

    def test_names_every_refusal(self) -> None:
        named = {LicenseNotFound, LicenseInactive, SuspendedByBilling}
        assert {led(*pair) for pair in every_pair()} == (set(State) - {State.UNISSUED}) | named

    @pytest.mark.parametrize(("state", "verb"), every_pair())
    def test_leaves_a_licence_where_it_is_when_a_verb_comes_again(self, state: State, verb: Verb) -> None:
        once = led(state, verb)
        if isinstance(once, State):
            assert led(once, verb) is once

    def test_lets_no_payment_lift_a_hold(self) -> None:
        assert {led(state, verb) for state in HELD for verb in BILLING} == HELD

    def test_lets_no_hold_be_lifted_but_by_reinstating(self) -> None:
        lifted = {
            verb for state, verb in every_pair() if state in HELD and led(state, verb) not in {*HELD, LicenseInactive}
        }
        assert lifted == {Verb.REINSTATE}

    def test_lets_owners_lift_nothing_that_billing_did(self) -> None:
        assert {led(state, Verb.REINSTATE) for state in (State.IN_GRACE, State.UNPAID)} == {SuspendedByBilling}

    def test_ends_whatever_there_is(self) -> None:
        for verb in ENDING:
            for state in set(State) - {State.UNISSUED}:
                assert led(state, verb) in {State.ENDED, State.ENDED_HELD}

    def test_lets_owners_do_nothing_with_what_has_ended(self) -> None:
        for verb in (Verb.SUSPEND, Verb.REINSTATE, Verb.ROTATE_KEY):
            assert led(State.ENDED, verb) is led(State.ENDED_HELD, verb) is LicenseInactive

    def test_issues_once(self) -> None:
        assert led(State.UNISSUED, Verb.ISSUE) is State.ACTIVE
        assert {led(State.UNISSUED, verb) for verb in set(Verb) - {Verb.ISSUE}} == {LicenseNotFound}


class TestStored:
    @pytest.mark.parametrize("state", sorted(STORED))
    def test_states_are_read_back_from_the_row(self, state: State) -> None:
        status, reason = STORED[state]
        assert state_of(status=status, suspension_reason=reason, has_grace=state is State.IN_GRACE) is state

    def test_rows_all_have_a_state(self) -> None:
        for status in LicenseStatus:
            for reason in (None, *SuspensionReason):
                for has_grace in (True, False):
                    found = state_of(status=status, suspension_reason=reason, has_grace=has_grace)
                    assert STORED[found][0] == status


class TestMove:
    @given(verbs)
    def test_keeps_a_row_true_whatever_happens_in_whatever_order(self, history: list[Verb]) -> None:
        license_, state = issued(), State.ACTIVE
        for number, verb in enumerate(history):
            at = NOON + timedelta(hours=number)
            before = dict(vars(license_))
            try:
                moved = statuses.move(license_=license_, verb=verb, at=at, grace_period_ends_at=at + timedelta(days=7))
            except DomainError:
                assert vars(license_) == before, "what is refused changes nothing"
                continue
            assert moved is statuses.state(license_) is after(state, verb)
            state = moved
            assert (license_.suspended_at is None) == (license_.suspension_reason is None)
            assert (license_.deactivated_at is None) == (license_.status != LicenseStatus.INACTIVE)
            assert (license_.grace_period_ends_at is None) == (state is not State.IN_GRACE)
            usable = self.standing_of(license_, at) in USABLE
            assert usable == (state in {State.ACTIVE, State.IN_GRACE})

    @given(verbs)
    def test_keeps_a_hold_until_it_is_lifted(self, history: list[Verb]) -> None:
        license_ = issued()
        statuses.move(license_=license_, verb=Verb.SUSPEND, at=NOON)
        for verb in history:
            if verb is Verb.REINSTATE:
                continue
            try:
                assert statuses.move(license_=license_, verb=verb, at=NOON + timedelta(days=1)) in HELD
            except LicenseInactive:
                continue
            assert license_.suspended_at == NOON, "since when it is held"

    def standing_of(self, license_: Any, now: datetime) -> Any:
        """Return how it stands."""
        return standing(
            status=license_.status,
            expires_at=None,
            grace_period_ends_at=license_.grace_period_ends_at,
            now=now,
        )
