"""The billing portal: what a configuration switches on can be seen and done there, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.local_stack.stripe.standin import HTTP, Standin, plan, subscribe
from tests.local_stack.stripe.timeline import latest_invoice

ALL: dict[str, Any] = {
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
}


def configure(standin: Standin, features: dict[str, Any], **more: Any) -> stripe.billing_portal.Configuration:
    params: Any = {"features": features, **more}
    return standin.sdk.v1.billing_portal.configurations.create(params)


def portal(standin: Standin, customer: Any, features: dict[str, Any] = ALL, **more: Any) -> str:
    """A portal with these features, and its address."""
    params: Any = {"customer": str(customer), "configuration": configure(standin, features).id, **more}
    return standin.sdk.v1.billing_portal.sessions.create(params).url


class TestConfiguration:
    def test_is_off_where_it_does_not_say_on(self, standin: Standin) -> None:
        made = configure(standin, {"invoice_history": {"enabled": True}}, metadata={"a": "1"})
        switched = {name: feature["enabled"] for name, feature in made.features.to_dict().items()}
        assert [name for name, enabled in switched.items() if enabled] == ["invoice_history"]
        assert (made.active, made.is_default, made.metadata and made.metadata.to_dict()) == (True, False, {"a": "1"})

    def test_keeps_what_an_update_does_not_name(self, standin: Standin) -> None:
        made = configure(standin, ALL, default_return_url="http://product.test/")
        params: Any = {"features": {"subscription_cancel": {"enabled": False}}, "business_profile": {"headline": "Hi"}}
        changed = standin.sdk.v1.billing_portal.configurations.update(made.id, params)
        assert (changed.features.subscription_cancel.enabled, changed.features.invoice_history.enabled) == (False, True)
        assert (changed.business_profile.headline, changed.default_return_url) == ("Hi", "http://product.test/")
        assert standin.sdk.v1.billing_portal.configurations.retrieve(made.id).to_dict() == changed.to_dict()

    def test_is_listed_by_whether_it_is_active(self, standin: Standin) -> None:
        on, off = configure(standin, ALL), configure(standin, ALL)
        standin.sdk.v1.billing_portal.configurations.update(off.id, {"active": False})
        listed = standin.sdk.v1.billing_portal.configurations.list({"active": True, "limit": 100}).data
        assert on.id in {one.id for one in listed}
        assert off.id not in {one.id for one in listed}

    @pytest.mark.parametrize(
        ("features", "param"),
        [
            ({"dancing": {"enabled": True}}, "features[dancing]"),
            ({"invoice_history": {}}, "features"),
            ({"invoice_history": {"enabled": "maybe"}}, "features[invoice_history][enabled]"),
            ({"customer_update": {"enabled": True}}, "features[customer_update][allowed_updates]"),
            ({"subscription_update": {"enabled": True}}, "features[subscription_update][products]"),
            ({"subscription_pause": {"enabled": True}}, "features[subscription_pause][enabled]"),
            (
                {"subscription_cancel": {"enabled": True, "proration_behavior": "create_prorations"}},
                "features[subscription_cancel][proration_behavior]",
            ),
        ],
    )
    def test_is_refused_where_it_makes_no_sense(self, standin: Standin, features: dict[str, Any], param: str) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            configure(standin, features)
        assert refusal.value.param == param

    def test_can_be_told_from_what_is_none(self, standin: Standin) -> None:
        with pytest.raises(stripe.InvalidRequestError) as unknown:
            standin.sdk.v1.billing_portal.configurations.retrieve("bpc_none")
        assert (unknown.value.code, unknown.value.http_status) == ("resource_missing", 404)


class TestSession:
    def test_needs_an_active_configuration(self, standin: Standin) -> None:
        customer, made = standin.sdk.v1.customers.create().id, configure(standin, ALL)
        standin.sdk.v1.billing_portal.configurations.update(made.id, {"active": False})
        for more in ({}, {"configuration": "bpc_none"}, {"configuration": made.id}):
            params: Any = {"customer": customer, **more}
            with pytest.raises(stripe.InvalidRequestError):
                standin.sdk.v1.billing_portal.sessions.create(params)

    def test_returns_where_its_configuration_says_unless_it_says_itself(self, standin: Standin) -> None:
        customer = standin.sdk.v1.customers.create().id
        made = configure(standin, ALL, default_return_url="http://product.test/")
        params: Any = {"customer": customer, "configuration": made.id}
        sessions = standin.sdk.v1.billing_portal.sessions
        assert sessions.create(params).return_url == "http://product.test/"
        there = "http://product.test/there"
        assert sessions.create(params | {"return_url": there}).return_url == there


class TestPage:
    def test_cancels_as_flexible_billing_does_by_moment_only(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        url = portal(standin, subscription.customer, return_url="http://product.test/back")
        page = HTTP.get(url)
        assert page.status_code == 200
        assert "Starter" in page.text
        assert "http://product.test/back" in page.text
        assert str(latest_invoice(standin, subscription).number) in page.text
        done = HTTP.post(url, data={"action": "cancel", "subscription": subscription.id})
        assert (done.status_code, done.headers["Location"]) == (303, url)
        ending = standin.sdk.v1.subscriptions.retrieve(subscription.id)
        assert ending.cancel_at == subscription["items"].data[0].current_period_end
        assert ending.cancel_at_period_end is False
        HTTP.post(url, data={"action": "keep", "subscription": subscription.id})
        assert standin.sdk.v1.subscriptions.retrieve(subscription.id).cancel_at is None

    def test_cancels_at_once_where_it_is_set_up_so(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        url = portal(standin, subscription.customer, {"subscription_cancel": {"enabled": True, "mode": "immediately"}})
        assert HTTP.post(url, data={"action": "cancel", "subscription": subscription.id}).status_code == 303
        assert standin.sdk.v1.subscriptions.retrieve(subscription.id).status == "canceled"

    def test_replaces_the_card(self, standin: Standin) -> None:
        url = portal(standin, subscribe(standin).customer)
        assert HTTP.post(url, data={"action": "card", "card": "gold"}).status_code == 400
        assert HTTP.post(url, data={"action": "card", "card": "declined"}).status_code == 303
        assert 'value="declined" selected' in HTTP.get(url).text

    def test_touches_no_other_customers_subscription(self, standin: Standin) -> None:
        mine, theirs = subscribe(standin), subscribe(standin)
        url = portal(standin, mine.customer)
        assert HTTP.post(url, data={"action": "cancel", "subscription": theirs.id}).status_code == 400
        assert standin.sdk.v1.subscriptions.retrieve(theirs.id).cancel_at is None

    @pytest.mark.parametrize(
        ("feature", "button", "acts"),
        [
            ("subscription_cancel", 'value="cancel"', ({"action": "cancel"}, {"action": "keep"})),
            ("payment_method_update", 'value="card"', ({"action": "card", "card": "declined"},)),
            ("invoice_history", "Invoices", ()),
        ],
    )
    def test_neither_shows_nor_does_what_is_switched_off(
        self, standin: Standin, feature: str, button: str, acts: tuple[dict[str, str], ...]
    ) -> None:
        subscription = subscribe(standin, plan(standin))
        assert button in HTTP.get(portal(standin, subscription.customer)).text
        url = portal(standin, subscription.customer, ALL | {feature: {"enabled": False}})
        assert button not in HTTP.get(url).text
        for act in acts:
            assert HTTP.post(url, data={**act, "subscription": subscription.id}).status_code == 400
        assert standin.sdk.v1.subscriptions.retrieve(subscription.id).cancel_at is None
