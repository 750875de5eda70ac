"""A price that was raised: who subscribed before goes on paying the old one, and goes on being served."""

from collections.abc import Callable, Iterator

import pytest

from subscriptions.services import plans, reconcile
from tests.api.beneath import as_owner
from tests.jobs import as_role, run_jobs
from tests.journey import sign_up
from tests.subscriptions.stripe_side import anew, call, only, pay, subscription_of, tell

pytestmark = pytest.mark.usefixtures("db")


def _sell_starter_for(cents: int) -> None:
    as_owner("update subscriptions_plan set price_cents = %s where slug = 'starter'", cents)
    with as_role("migrator"):
        plans.sync_with_stripe()


@pytest.fixture
def raise_price() -> Iterator[Callable[[], None]]:
    """Return what raises the price of Starter as a deployment does; plans outlive a test, so it is put back."""
    yield lambda: _sell_starter_for(3_900)
    _sell_starter_for(2_900)


class TestOldPrice:
    def test_is_still_its_plans(self, raise_price: Callable[[], None]) -> None:
        _, told = pay(sign_up())
        tell(*told)
        run_jobs()
        raise_price()
        stripe_id = subscription_of(told)
        assert call("GET", f"subscriptions/{stripe_id}")["items"]["data"][0]["price"]["unit_amount"] == 2_900
        tell(anew(*only(told, "customer.subscription.created")))
        run_jobs()
        assert as_owner("select distinct status from subscriptions_webhookevent") == [("completed",)]
        assert as_owner("select status, tier from licenses_license") == [("active", "starter")]
        with as_role("worker"):
            report = reconcile.compare(repair=False).report
        assert [line for line in report if line["subscription"] == stripe_id] == []

    def test_is_not_what_the_next_customer_pays(self, raise_price: Callable[[], None]) -> None:
        raise_price()
        _, told = pay(sign_up())
        bought = call("GET", f"subscriptions/{subscription_of(told)}")
        assert bought["items"]["data"][0]["price"]["unit_amount"] == 3_900
