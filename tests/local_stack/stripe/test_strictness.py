"""Where Stripe refuses, the stand-in refuses: with the same status, type, code and parameter."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.local_stack.stripe.standin import API_KEY, SUCCESS, Standin, checkout, plan, subscribe

DAYS = "subscription_data[trial_period_days]"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class TestKeysAndVersions:
    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer sk_test_other", "Basic !!", "Token x"])
    def test_refuses_anything_but_the_secret_key(self, standin: Standin, header: str) -> None:
        answer = standin.raw("GET", "/v1/customers", {"Authorization": header})
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert "sk_test_other" not in answer.text

    def test_takes_the_key_as_bearer_and_as_basic(self, standin: Standin) -> None:
        assert standin.raw("GET", "/v1/customers").status_code == 200
        assert standin.raw("GET", "/v1/customers", {"Authorization": ""}, auth=(API_KEY, "")).status_code == 200
        with pytest.raises(stripe.AuthenticationError):
            standin.client("sk_test_other").v1.customers.list()

    @pytest.mark.parametrize("version", ["2020-08-27", "2025-03-31.basil", "2026-10-28", "soon"])
    def test_refuses_versions_whose_shapes_it_does_not_speak(self, standin: Standin, version: str) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
            standin.client(API_KEY, version).v1.customers.list()

    def test_names_each_request_and_its_version(self, standin: Standin) -> None:
        answer = standin.raw("GET", "/v1/customers/cus_none")
        assert answer.headers["Request-Id"].startswith("req_")
        assert answer.headers["Stripe-Version"] == "2026-10-28.endive"


class TestRoutes:
    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/v1/quotes"), ("GET", "/v1/"), ("DELETE", "/v1/prices/price_1"), ("PUT", "/v1/customers")],
    )
    def test_answers_404_where_nothing_is_served(self, standin: Standin, method: str, path: str) -> None:
        answer = standin.raw(method, path)
        assert answer.status_code == 404
        assert answer.json()["error"]["message"].startswith(f"Unrecognized request URL ({method}: {path})")

    def test_answers_health_without_a_key(self, standin: Standin) -> None:
        answer = standin.raw("GET", "/health", {"Authorization": ""})
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


class TestParameters:
    @pytest.mark.parametrize(
        ("body", "code", "param"),
        [
            ("email=a@example.com&colour=red", "parameter_unknown", "colour"),
            ("address[planet]=Mars", "parameter_unknown", "address[planet]"),
            ("email=nonsense", "email_invalid", "email"),
            ("metadata=x", None, "metadata"),
            (f"metadata[{'k' * 41}]=x", None, f"metadata[{'k' * 41}]"),
            (f"metadata[k]={'v' * 501}", None, "metadata[k]"),
            ("metadata[k]=1&metadata[k][l]=1", None, "metadata[k][l]"),
            ("metadata[k][l]=1&metadata[k]=1", None, "metadata[k]"),
            ("metadata[=1", None, "metadata["),
            ("name=%ff", None, None),
            ("expand[]=email", None, "expand"),
        ],
    )
    def test_refuses_what_a_customer_cannot_be_made_of(
        self, standin: Standin, body: str, code: str | None, param: str | None
    ) -> None:
        before = len(standin.sdk.v1.customers.list({"limit": 100}).data)
        answer = standin.raw("POST", "/v1/customers", FORM, content=body)
        error = answer.json()["error"]
        assert (answer.status_code, error.get("code"), error.get("param")) == (400, code, param)
        assert len(standin.sdk.v1.customers.list({"limit": 100}).data) == before

    def test_refuses_json_and_huge_bodies(self, standin: Standin) -> None:
        assert standin.raw("POST", "/v1/customers", json={"name": "Ada"}).status_code == 400
        huge = f"name={'x' * 1_100_000}"
        assert standin.raw("POST", "/v1/customers", FORM, content=huge).status_code == 413

    def test_tells_a_missing_object_in_the_path_from_one_in_a_parameter(self, standin: Standin) -> None:
        with pytest.raises(stripe.InvalidRequestError) as in_path:
            standin.sdk.v1.customers.retrieve("cus_none")
        assert (in_path.value.http_status, in_path.value.code) == (404, "resource_missing")
        with pytest.raises(stripe.InvalidRequestError) as in_parameter:
            checkout(standin, customer="cus_none")
        assert (in_parameter.value.http_status, in_parameter.value.code) == (400, "resource_missing")
        assert in_parameter.value.param == "customer"

    @pytest.mark.parametrize(
        ("params", "code", "param"),
        [
            ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
            ({"ui_mode": "hosted"}, None, "ui_mode"),
            ({"mode": "payment"}, None, "mode"),
            ({"success_url": "product.test/done"}, "url_invalid", "success_url"),
            ({"expires_at": 1}, None, "expires_at"),
            ({"line_items": [{"price": "price_none"}]}, "resource_missing", "line_items[0][price]"),
            ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0][price]"),
            ({"subscription_data": {"trial_period_days": 0}}, "parameter_invalid_integer", DAYS),
            ({"subscription_data": {"coupon": "x"}}, "parameter_unknown", "subscription_data[coupon]"),
            ({"customer": "cus_1"}, None, "customer"),
        ],
    )  # fmt: skip
    def test_refuses_what_endive_refuses_at_checkout(
        self, standin: Standin, params: dict[str, Any], code: str | None, param: str
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            checkout(standin, **{"customer_email": "ada@example.com"} | params)
        assert (refusal.value.http_status, refusal.value.code, refusal.value.param) == (400, code, param)

    def test_requires_what_checkout_cannot_do_without(self, standin: Standin) -> None:
        for absent in ("mode", "line_items", "success_url"):
            params = {"mode": "subscription", "line_items": [{"price": "price_1"}], "success_url": SUCCESS}
            del params[absent]
            with pytest.raises(stripe.InvalidRequestError) as refusal:
                standin.sdk.raw_request("post", "/v1/checkout/sessions", **params)
            assert (refusal.value.code, refusal.value.param) == ("parameter_missing", absent)

    def test_sells_no_inactive_price(self, standin: Standin) -> None:
        price = plan(standin)
        standin.sdk.v1.prices.update(price.id, {"active": False})
        with pytest.raises(stripe.InvalidRequestError, match="inactive"):
            checkout(standin, price)

    def test_gives_a_lookup_key_to_one_price_at_a_time(self, standin: Standin) -> None:
        first = plan(standin, lookup_key="pro_monthly")
        with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
            plan(standin, lookup_key="pro_monthly")
        second = plan(standin, lookup_key="pro_monthly", transfer_lookup_key=True)
        found = standin.sdk.v1.prices.list({"lookup_keys": ["pro_monthly"], "expand": ["data.product"]}).data
        assert [price.id for price in found] == [second.id]
        assert standin.sdk.v1.prices.retrieve(first.id).lookup_key is None


class TestExpand:
    def test_follows_paths_through_lists_and_references(self, standin: Standin) -> None:
        subscription = subscribe(standin)
        found = standin.sdk.v1.subscriptions.retrieve(
            subscription.id, {"expand": ["latest_invoice.customer", "items.data.price.product"]}
        )
        assert isinstance(found.latest_invoice, stripe.Invoice)
        assert isinstance(found.latest_invoice.customer, stripe.Customer)
        assert isinstance(found["items"].data[0].price.product, stripe.Product)

    def test_leaves_line_items_out_unless_asked(self, standin: Standin) -> None:
        session = checkout(standin)
        assert "line_items" not in session
        expanded = standin.sdk.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
        assert expanded.line_items is not None
        assert expanded.line_items.data[0].description == "Starter"
        listed = standin.sdk.v1.checkout.sessions.line_items.list(session.id)
        assert [line.id for line in listed.data] == [line.id for line in expanded.line_items.data]

    @pytest.mark.parametrize("path", ["status", "nothing", "latest_invoice.total", "a.b.c.d.e"])
    def test_refuses_what_cannot_be_expanded(self, standin: Standin, path: str) -> None:
        subscription = subscribe(standin)
        with pytest.raises(stripe.InvalidRequestError, match="expand"):
            standin.sdk.v1.subscriptions.retrieve(subscription.id, {"expand": [path]})


class TestLists:
    def test_pages_both_ways_without_gap_or_overlap(self, standin: Standin) -> None:
        email = "pages@example.com"
        made = [standin.sdk.v1.customers.create({"email": email}).id for _ in range(5)]
        newest_first = made[::-1]
        first = standin.sdk.v1.customers.list({"email": email, "limit": 2})
        assert ([each.id for each in first.data], first.has_more) == (newest_first[:2], True)
        walked = [each.id for each in first.auto_paging_iter()]
        assert walked == newest_first
        back = standin.sdk.v1.customers.list({"email": email, "limit": 2, "ending_before": made[0]})
        assert ([each.id for each in back.data], back.has_more) == ([made[2], made[1]], True)
        last = standin.sdk.v1.customers.list({"email": email, "limit": 2, "starting_after": made[1]})
        assert ([each.id for each in last.data], last.has_more) == ([made[0]], False)

    def test_refuses_odd_limits_and_cursors(self, standin: Standin) -> None:
        for query in ("limit=0", "limit=101", "limit=x", "starting_after=cus_none", "starting_after=a&ending_before=b"):
            assert standin.raw("GET", f"/v1/customers?{query}").status_code == 400
