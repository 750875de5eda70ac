"""Stripe's own CLI as an independent judge: its request sequences must run here and cause the event they promise.

Opt-in: STRIPE_CLI names its binary (`npm install @stripe/cli`, then node_modules/.bin/stripe).
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.local_stack.stripe.receiver import Receiver
from tests.local_stack.stripe.standin import HTTP, Standin

CLI = os.environ.get("STRIPE_CLI", "")
pytestmark = pytest.mark.skipif(not CLI, reason="not run: no STRIPE_CLI")

AS_THEY_ARE = (
    *("billing_portal.configuration.created", "billing_portal.configuration.updated"),
    *("customer.created", "customer.deleted", "customer.updated"),
    *("customer.subscription.created", "customer.subscription.deleted", "customer.subscription.paused"),
    *("customer.subscription.trial_will_end", "customer.subscription.updated"),
    *("invoice.created", "invoice.deleted", "invoice.finalized", "invoice.marked_uncollectible", "invoice.paid"),
    *("invoice.payment_action_required", "invoice.payment_failed", "invoice.payment_succeeded", "invoice.sent"),
    *("invoice.updated", "invoice.voided", "invoiceitem.created", "invoiceitem.deleted"),
    *("payment_intent.canceled", "payment_method.attached", "payment_method.detached"),
    *("price.created", "price.updated", "product.created", "product.deleted", "product.updated"),
    *("test_helpers.test_clock.advancing", "test_helpers.test_clock.created", "test_helpers.test_clock.deleted"),
    "test_helpers.test_clock.ready",
)
# These tell another event than their name.
TELLS = {
    "subscription.payment_failed": "invoice.payment_failed",
    "subscription.payment_succeeded": "invoice.payment_succeeded",
}
# The CLI's sequences still send `payment_method_types`, which endive took from the parameters.
NO_TYPES = ("--remove", "payment_intent:payment_method_types")
NO_SHIPPING = ("--remove", "payment_intent:shipping")
# The stand-in's Checkout knows subscriptions only.
RECURRING = ("--override", "checkout_session:mode=subscription", "--add", "price:recurring[interval]=month")
CHANGED = {
    "charge.dispute.closed": NO_TYPES,
    "charge.dispute.created": NO_TYPES,
    "charge.dispute.updated": NO_TYPES,
    "charge.failed": NO_TYPES,
    "charge.refund.updated": NO_TYPES,
    "charge.refunded": NO_TYPES,
    "charge.succeeded": (*NO_TYPES, *NO_SHIPPING),
    "checkout.session.expired": RECURRING,
    "payment_intent.created": NO_TYPES,
    "payment_intent.payment_failed": NO_TYPES,
    "payment_intent.requires_action": NO_TYPES,
    "payment_intent.succeeded": (*NO_TYPES, *NO_SHIPPING),
}
REFUSED = {
    # As by every account whose default portal nobody has set up in the Dashboard.
    "billing_portal.session.created": "No configuration provided",
    # They pay by Stripe's undocumented payment pages; here the hosted page is paid instead.
    "checkout.session.completed": "payment_intent_data",
    # (Where two parameters are refused: they come in any order, and the first is named.)
    "checkout.session.async_payment_succeeded": r"unknown parameter: payment_(intent_data|method_types)\b",
    # Nothing of the product needs these.
    "charge.captured": r"unknown parameter: (capture_method|payment_method_types)\b",
    "coupon.created": "/v1/coupons",
    "payment_method.updated": "/v1/setup_intents",
    "plan.created": "/v1/plans",
    "subscription_schedule.created": "source",
}


def trigger(standin: Standin, event: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Let the CLI run its sequence for an event."""
    # Its key must look like a real one; this stand-in lets in only the key of the tests, which has another form.
    command = [CLI, "trigger", event, "--api-base", standin.url, "--api-key", "sk_test_for_the_command_line", *more]
    home = {"PATH": os.environ["PATH"], "HOME": str(folder), "STRIPE_CLI_TELEMETRY_OPTOUT": "1"}
    return subprocess.run(command, env=home, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def told(standin: Standin, after: int) -> list[str]:
    return [event["type"] for event in HTTP.get(f"{standin.url}/_local/events").json()["events"]][after:]


class TestTrigger:
    @pytest.mark.parametrize("event", [*AS_THEY_ARE, *TELLS])
    def test_runs_and_causes_its_event(
        self, open_standin: Standin, receiver: Receiver, tmp_path: Path, event: str
    ) -> None:
        before = len(told(open_standin, 0))
        ran = trigger(open_standin, event, tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        receiver.wait(lambda: TELLS.get(event, event) in told(open_standin, before))

    @pytest.mark.parametrize("event", CHANGED)
    def test_runs_without_what_the_pinned_version_does_not_take(
        self, open_standin: Standin, receiver: Receiver, tmp_path: Path, event: str
    ) -> None:
        before = len(told(open_standin, 0))
        ran = trigger(open_standin, event, tmp_path, *CHANGED[event])
        assert ran.returncode == 0, ran.stdout + ran.stderr
        receiver.wait(lambda: event in told(open_standin, before))

    @pytest.mark.parametrize(("event", "why"), REFUSED.items())
    def test_is_refused_plainly(self, open_standin: Standin, tmp_path: Path, event: str, why: str) -> None:
        ran = trigger(open_standin, event, tmp_path)
        assert ran.returncode != 0
        assert re.search(why, ran.stdout + ran.stderr), ran.stdout + ran.stderr
