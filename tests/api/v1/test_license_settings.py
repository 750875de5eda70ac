"""PATCH /licenses/{id}, and what a licence is given by its plan and by us: entitlements and overage."""

import io

import pytest
from django.core.management import CommandError, call_command

from config.kernel.ids import new_id
from config.kernel.redis import client as redis_client
from tests.api.issued import change
from tests.api.managed_license import audited, beat, owned, settle, subscription, verb
from tests.api.refusals import refused
from tests.api.v1.test_licenses import acquire, activate, validate
from tests.journey import Licensed

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a customer with a licence that whoever has the key may use."""
    return owned()


class TestSettings:
    def test_are_changed_one_by_one_and_audited(self, made: Licensed) -> None:
        told = settle(made, require_activation=True, unknown=1).json()
        assert (told["require_activation"], told["access_policy"], told["max_activations"]) == (True, "key", None)
        assert settle(made, max_activations=2, match_policy="most", access_policy="mixed").status_code == 200
        assert settle(made, max_activations=2).status_code == 200
        assert settle(made).status_code == 200
        assert [data for _, _, data in audited("LICENSE_SETTINGS_CHANGED")] == [
            {"before": {"require_activation": False}, "after": {"require_activation": True}},
            {"before": {"access_policy": "key", "match_policy": "any", "max_activations": None},
             "after": {"access_policy": "mixed", "match_policy": "most", "max_activations": 2}},
        ]  # fmt: skip

    def test_decide_about_whoever_comes_next_and_end_nothing(self, made: Licensed) -> None:
        seat = acquire(made)
        settle(made, require_activation=True, max_activations=0)
        assert beat(seat).status_code == 200
        assert acquire(made).status_code == 200
        refused(acquire(made, "machine-0002"), 403, "activation_required")
        refused(activate(made, "machine-0002"), 403, "activation_limit_reached")
        settle(made, require_activation=False, max_activations=None)
        assert acquire(made, "machine-0002").status_code == 201

    def test_that_are_none_are_refused(self, made: Licensed) -> None:
        for settings, code in (
            ({"access_policy": "all"}, "invalid_choice"),
            ({"match_policy": "few"}, "invalid_choice"),
            ({"max_activations": -1}, "min_value"),
            ({"max_activations": 2**31}, "max_value"),
            ({"require_activation": None}, "null"),
        ):
            refused(settle(made, **settings), 400, code, next(iter(settings)))

    def test_cannot_give_seats_or_lift_a_suspension(self, made: Licensed) -> None:
        verb(made, "suspend")
        told = settle(made, max_seats=99, overage_seats=99, overage_percent=99, status="active", features={}).json()
        assert (told["max_seats"], told["overage_seats"], told["status"]) == (3, 0, "suspended")


class TestEntitlements:
    def test_travel_with_the_lease_and_in_the_file(self, made: Licensed) -> None:
        features = {"exports": True, "projects": 5}
        change(made, features=features)
        assert acquire(made).json()["license"]["features"] == features
        assert validate(made.license_key)["license"]["features"] == features

    def test_of_a_plan_that_changed_reach_the_licence(self, made: Licensed) -> None:
        change(made, features={"old": True})
        subscription(made)
        (row,) = made.customer.api.get("/api/v1/licenses").json()["results"]
        assert "old" not in row["features"]


class TestOverage:
    @pytest.mark.parametrize(
        ("columns", "extra"),
        [({"overage_seats": 0}, 0), ({"overage_seats": 2}, 2), ({"overage_percent": 50}, 1),
         ({"overage_percent": 33}, 0)],
    )  # fmt: skip
    def test_is_leased_after_what_was_bought_and_told_apart(
        self, made: Licensed, columns: dict[str, int], extra: int
    ) -> None:
        change(made, **columns)
        for number in range(3 + extra):
            answer = acquire(made, f"machine-000{number}")
            assert answer.status_code == 201
            over = max(0, number + 1 - 3)
            told = answer.json()["license"]
            assert (told["max_seats"], told["overage_seats"], told["overage_used"]) == (3, extra, over)
        refused(acquire(made, "machine-0009"), 429, "no_seats_available")
        redis_client().flushall()
        refused(acquire(made, "machine-0009"), 429, "no_seats_available")
        assert validate(made.license_key)["code"] == "NO_SEATS"
        (row,) = made.customer.api.get("/api/v1/licenses").json()["results"]
        told = [row[name] for name in ("max_seats", "seats_used", "seats_remaining", "overage_seats", "overage_used")]
        assert told == [3, 3 + extra, 0, extra, extra]


class TestAllowOverage:
    def test_is_for_staff_at_their_terminal_and_audited_once(self, made: Licensed) -> None:
        for _ in range(2):
            told = io.StringIO()
            call_command("allow_overage", made.license_id, "--seats", "1", "--percent", "34", stdout=told)
            assert told.getvalue() == "5 seats may be leased at once.\n"
        ((_, by_somebody, data),) = audited("LICENSE_OVERAGE_CHANGED")
        assert (by_somebody, data) == (False, {"before": [0, 0], "seats": 1, "percent": 34})
        for wrong in (["--seats", "-1"], ["--percent", "1001"]):
            with pytest.raises(CommandError):
                call_command("allow_overage", made.license_id, *wrong)
        with pytest.raises(CommandError):
            call_command("allow_overage", str(new_id()))
