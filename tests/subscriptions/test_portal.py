"""The billing portal as each deployment sets it up: ours, once, found again, and brought back to what it shall be."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from subscriptions.services import portal
from subscriptions.stripe.portals import MARK
from tests.api.beneath import as_owner
from tests.jobs import as_role
from tests.plugins import servers
from tests.subscriptions.stripe_side import call

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture(autouse=True)
def _as_deployed(db: None) -> Iterator[None]:
    """Let each test leave the portal as a deployment does; what is known of it outlives a test."""
    yield
    with as_role("migrator"):
        portal.sync_with_stripe()


def stored() -> list[str]:
    """Return the ids that are remembered."""
    return [row[0] for row in as_owner("select stripe_id from subscriptions_stripeobject")]


def ours() -> list[str]:
    """Return the configurations of this service at Stripe."""
    listed = call("GET", "billing_portal/configurations?limit=100")["data"]
    return [one["id"] for one in listed if one["metadata"].get(MARK) == "http://testserver"]


def forget() -> None:
    """Let nothing be known, here and at Stripe, of what was deployed."""
    as_owner("delete from subscriptions_stripeobject")
    for one in ours():
        call("POST", f"billing_portal/configurations/{one}", **{f"metadata[{MARK}]": ""})


def sync() -> str:
    with as_role("migrator"):
        return portal.sync_with_stripe()


class TestSync:
    def test_was_part_of_the_deployment_and_lets_no_plan_and_no_address_be_changed(self) -> None:
        (known,) = stored()
        features = call("GET", f"billing_portal/configurations/{known}")["features"]
        assert {name for name, feature in features.items() if feature["enabled"]} == {
            "invoice_history",
            "payment_method_update",
            "subscription_cancel",
        }
        assert features["subscription_cancel"]["mode"] == "at_period_end"

    def test_again_changes_nothing(self) -> None:
        known = sync()
        before = call("GET", f"billing_portal/configurations/{known}")
        assert (sync(), stored(), ours()) == (known, [known], [known])
        assert call("GET", f"billing_portal/configurations/{known}") == before

    def test_brings_back_what_somebody_changed(self) -> None:
        known = sync()
        call("POST", f"billing_portal/configurations/{known}", **{
            "active": "false", "features[subscription_cancel][mode]": "immediately",
            "features[customer_update][enabled]": "true", "features[customer_update][allowed_updates][0]": "email",
        })  # fmt: skip
        assert sync() == known
        now = call("GET", f"billing_portal/configurations/{known}")
        assert (now["active"], now["features"]["customer_update"]["enabled"]) == (True, False)
        assert now["features"]["subscription_cancel"]["mode"] == "at_period_end"

    def test_finds_it_again_by_its_mark_when_the_database_forgot_it(self) -> None:
        known = sync()
        as_owner("delete from subscriptions_stripeobject")
        assert (sync(), stored()) == (known, [known])

    def test_makes_another_when_the_account_is_another_one(self) -> None:
        as_owner("update subscriptions_stripeobject set stripe_id = 'bpc_of_another_account'")
        assert [sync()] == stored() == ours()

    def test_by_five_deployments_at_once_makes_one(self) -> None:
        forget()
        environ = servers.migrators_environment()
        command = [sys.executable, "manage.py", "sync_portal"]

        def deploy(_: int) -> subprocess.CompletedProcess[str]:
            return subprocess.run(command, cwd=servers.ROOT, env=environ, capture_output=True, text=True, check=False)

        with ThreadPoolExecutor(5) as pool:
            done = list(pool.map(deploy, range(5)))
        assert [one.returncode for one in done] == [0] * 5, done[0].stderr
        assert stored() == ours()
        assert len(ours()) == 1
