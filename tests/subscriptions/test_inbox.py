"""The inbox of Stripe's events beyond receiving: replays, forgetting, other modes and other versions."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from rest_framework.test import APIClient

from config.kernel.ids import new_id
from subscriptions.errors import WebhookEventForgotten, WebhookEventNotFound
from subscriptions.services import webhooks
from tests import stripe_account
from tests.api.beneath import as_owner
from tests.jobs import as_role, run_jobs
from tests.journey import sign_up
from tests.subscriptions.stripe_side import anew, only, pay, tell

pytestmark = pytest.mark.usefixtures("db")

NEWS: dict[str, Any] = {
    "created": 1, "livemode": False, "api_version": "2026-10-28.endive", "type": "payout.paid",
    "data": {"object": {"id": "po_1"}},
}  # fmt: skip


class TestReplay:
    def test_applies_a_failed_event_and_is_written_down(self) -> None:
        _, told = pay(sign_up())
        tell(*only(told, "invoice.paid"))
        as_owner("update subscriptions_webhookevent set status = 'failed', attempts = 14")
        ((event_id,),) = as_owner("select id from subscriptions_webhookevent")
        actor = new_id()
        webhooks.replay(event_id=event_id, actor_id=actor)
        run_jobs()
        assert as_owner("select status, attempts from subscriptions_webhookevent") == [("completed", 1)]
        assert as_owner("select status from licenses_license") == [("active",)]
        assert as_owner(
            "select actor_id, data->>'before' from users_auditentry where action = 'WEBHOOK_EVENT_REPLAYED'"
        ) == [(actor, "failed")]

    def test_of_an_applied_event_changes_nothing(self) -> None:
        _, told = pay(sign_up())
        tell(*told)
        run_jobs()
        before = as_owner("select to_jsonb(l) from licenses_license l")
        for (event_id,) in as_owner("select id from subscriptions_webhookevent"):
            webhooks.replay(event_id=event_id, actor_id=new_id())
        run_jobs()
        assert as_owner("select to_jsonb(l) from licenses_license l") == before
        assert as_owner("select count(*) from emails_mailboxmessage where kind = 'license_issued'") == [(1,)]

    def test_needs_an_event_that_is_there(self) -> None:
        with pytest.raises(WebhookEventNotFound):
            webhooks.replay(event_id=new_id(), actor_id=new_id())

    def test_by_command_lists_what_failed_and_applies_what_is_named_or_all(self) -> None:
        bad, worse, good = (anew(NEWS) for _ in range(3))
        tell(bad, worse, good)
        run_jobs()
        failed = [bad["id"], worse["id"]]
        as_owner("update subscriptions_webhookevent set status = 'failed' where stripe_event_id = any(%s)", failed)
        listed = self.command()
        assert [line.split()[0] for line in listed.splitlines()] == [*failed, "2"]
        assert self.command(bad["id"]).startswith(bad["id"])
        run_jobs()
        assert self.command().startswith(worse["id"])
        self.command("--all")
        run_jobs()
        assert self.command() == "0 events were set aside\n"
        with pytest.raises(CommandError, match="no such webhook event"):
            self.command("evt_none")

    def command(self, *arguments: str) -> str:
        """Run it as the worker; return what it prints."""
        printed = io.StringIO()
        with as_role("worker"):
            call_command("replay_webhooks", *arguments, stdout=printed)
        return printed.getvalue()


class TestForgetting:
    def test_takes_the_payload_after_ninety_days_and_keeps_the_id(self) -> None:
        old, recent, failed = (anew(NEWS) for _ in range(3))
        tell(old, recent, failed)
        run_jobs()
        aged = (
            "update subscriptions_webhookevent set received_at = now() - interval '91 days' where stripe_event_id = %s"
        )
        for event in (old, failed):
            as_owner(aged, event["id"])
        as_owner("update subscriptions_webhookevent set status = 'failed' where stripe_event_id = %s", failed["id"])
        with as_role("worker"):
            assert webhooks.forget_old() == 1
        kept = dict(as_owner("select stripe_event_id, payload is not null from subscriptions_webhookevent"))
        assert kept == {old["id"]: False, recent["id"]: True, failed["id"]: True}
        assert stripe_account.deliver(APIClient(), old).data == {"status": "duplicate"}
        ((event_id,),) = as_owner("select id from subscriptions_webhookevent where stripe_event_id = %s", old["id"])
        with pytest.raises(WebhookEventForgotten):
            webhooks.replay(event_id=event_id, actor_id=new_id())


class TestMode:
    @pytest.mark.parametrize(("key", "livemode"), [("sk_test_x", True), ("sk_live_x", False), ("rk_live_x", False)])
    def test_that_is_not_ours_is_refused_and_nothing_stored(self, settings: Any, key: str, livemode: bool) -> None:
        settings.STRIPE_SECRET_KEY = key
        answer = stripe_account.deliver(APIClient(), anew(NEWS, livemode=livemode))
        assert answer.status_code == 400
        assert b"webhook_livemode_mismatch" in answer.content
        assert as_owner("select count(*) from subscriptions_webhookevent") == [(0,)]

    def test_that_is_ours_is_taken(self, settings: Any) -> None:
        settings.STRIPE_SECRET_KEY = "rk_live_x"
        tell(anew(NEWS, livemode=True))


class TestVersion:
    def test_of_another_train_is_taken_noted_and_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        tell(anew(NEWS, api_version="2024-06-20"))
        assert as_owner("select api_version from subscriptions_webhookevent") == [("2024-06-20",)]
        assert "is of the API version 2024-06-20" in caplog.text


class TestSweep:
    def test_adds_no_second_job_for_what_has_one_that_waits(self) -> None:
        tell(*(anew(NEWS) for _ in range(20)))
        with as_role("worker"):
            assert webhooks.sweep() == 0
        assert as_owner("select count(*) from procrastinate_jobs where task_name like '%%webhook_event'") == [(20,)]

    def test_wakes_what_has_none_or_one_that_is_for_later_or_died(self) -> None:
        tell(*(anew(NEWS) for _ in range(4)))
        jobs = [row[0] for row in as_owner("select id from procrastinate_jobs order by id desc limit 3")]
        as_owner("delete from procrastinate_jobs where id = %s", jobs[0])
        as_owner("update procrastinate_jobs set scheduled_at = now() + interval '1 hour' where id = %s", jobs[1])
        as_owner("update procrastinate_jobs set status = 'doing' where id = %s", jobs[2])
        with as_role("worker"):
            assert webhooks.sweep() == 3
        run_jobs()
        assert as_owner("select count(*) from subscriptions_webhookevent where processed_at is null") == [(0,)]
