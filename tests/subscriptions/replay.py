"""Plays a recorded journey back: a Stripe that looks as it did at each step, and a worker that meets disorder."""

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import psycopg
from procrastinate.contrib.django import app

from deploy.local.sendgrid.server import Sink
from subscriptions.services import event_sweep, webhooks
from subscriptions.stripe.shapes import event_from
from tests.emails.sendgrid import sending_to_sink
from tests.plugins import servers
from tests.subscriptions.journeys import Json, Recording

# Rows are deleted one by one: there are few, and a truncation of so many tables takes longer than all the rest.
_RESET = """
update subscriptions_checkoutsession set status = 'open', subscription_id = null, completed_at = null;
delete from licenses_signedfile; delete from licenses_licensesession; delete from licenses_activation;
delete from licenses_license; delete from subscriptions_invoice; delete from subscriptions_billingflag;
delete from subscriptions_webhookevent; delete from subscriptions_reconcilerun; delete from emails_emaillog;
delete from procrastinate_events; delete from procrastinate_periodic_defers; delete from procrastinate_jobs;
delete from subscriptions_subscription;
update organizations_organization set status = 'active';
update organizations_quota set used = 0 where name = 'licenses';
"""
_STATE = """
select json_build_object(
  'subscriptions', (select json_agg(to_jsonb(s) - '{id,stripe_fetched_at,plan_change_until,created_at,
                                                          organization_id}'::text[]) from subscriptions_subscription s),
  'invoices', (select json_agg(to_jsonb(i) - '{id,subscription_id,organization_id,told_attempts}'::text[]
                               order by i.stripe_created_at, i.stripe_invoice_id) from subscriptions_invoice i),
  'licenses', (select json_agg(to_jsonb(l) - '{id,organization_id,subscription_id,key_hash,key_encrypted,issued_at,
                               suspended_at,deactivated_at}'::text[]) from licenses_license l),
  'organization', (select json_agg(status) from organizations_organization),
  'quotas', (select json_agg(json_build_array(name, allowed, used) order by name) from organizations_quota),
  'checkouts', (select json_agg(status) from subscriptions_checkoutsession),
  'flags', (select count(*) from subscriptions_billingflag),
  'events', (select json_agg(distinct status) from subscriptions_webhookevent),
  'mails', (select json_agg(distinct status) from emails_emaillog),
  'jobs that failed', (select count(*) from procrastinate_jobs where status = 'failed'))
"""
_AUDITED = "select action, count(*) from users_auditentry where occurred_at >= %s group by 1"
# When a change of plan was last asked about may differ; that nobody asks any more may not.
_HELD = "select count(*) from subscriptions_subscription where plan_change_until > clock_timestamp()"
_KEY = re.compile(r"CODITECT(?:-[0-9A-Z]{4}){5}")


@dataclass
class Outcome:
    """What is left in the end: every row that counts, what was audited, and what the mail provider has taken.

    `mails` is how many of each kind it took, `keys` the licence keys that stood in them.
    """

    state: Json
    audited: Counter[str]
    mails: Counter[str]
    keys: frozenset[str]


@dataclass
class StripeOfTheDay:
    """Answers as Stripe did when so many steps had been made."""

    recording: Recording
    step: int = 0

    def answer(self, path: str) -> Json | None:
        """Return the object or list at a path."""
        parts = urlsplit(path)
        what = parts.path.removeprefix("/v1/").split("/")
        if what == ["events"]:
            told = [one for step in self.recording.steps[: self.step + 1] for one in step.events]
            return {"object": "list", "data": told[::-1], "has_more": False, "url": "/v1/events"}
        objects = self.recording.steps[self.step].objects
        found = objects.get(what[1])
        if found is not None and "latest_invoice" in parts.query:
            return {**found, "latest_invoice": objects[found["latest_invoice"]]}
        return found


@contextmanager
def as_stripe(recording: Recording, settings: Any) -> Iterator[StripeOfTheDay]:
    """Let our code ask this recording instead of Stripe."""
    stripe = StripeOfTheDay(recording)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body leave together: apart, each answer would wait for the other side's delayed acknowledgement.
        wbufsize = -1

        def do_GET(self) -> None:
            found = stripe.answer(self.path)
            missing = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "None."}}
            content = json.dumps(missing if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.server_port}"
        yield stripe
        server.shutdown()


@dataclass
class Playback:
    """Plays one recording as often as one likes; each time begins with a customer who has just opened a checkout."""

    recording: Recording
    stripe: StripeOfTheDay
    owner: psycopg.Connection[Any]
    sink: Sink
    jobs: int = field(default=0)
    deliveries: int = field(default=0)
    began: Any = None

    def in_order(self) -> Outcome:
        """Tell everything once, as it happens."""
        self._begin()
        for number, step in enumerate(self.recording.steps):
            self.stripe.step = number
            for event in step.events:
                self._tell(event)
                self._work(random.Random(0), twice=0)
        return self._outcome()

    def when_it_is_over(self, chance: random.Random | None, *, purchase_in_time: bool) -> Outcome:
        """Tell of the rest when all of it is over: in order, or shuffled, doubled and with gaps.

        Of the purchase too, unless that was told in time. What never arrives is found by the hourly sweep.
        """
        self._begin()
        steps = self.recording.steps
        first = 1 if purchase_in_time else 0
        last = len(steps) - 1
        told = [(0, steps[0].events)] if purchase_in_time else []
        told.append((last, [event for step in steps[first:] for event in step.events]))
        for number, events in told:
            self.stripe.step = number
            if chance:
                self._tell_in_disorder(events, chance)
            else:
                self._tell_all(events)
            self._work(chance or random.Random(0), twice=0.2 if chance else 0)
        if chance:
            self._find_what_was_missed(chance)
        return self._outcome()

    def as_it_happens(self, chance: random.Random) -> Outcome:
        """Tell of each step in disorder; what is held back comes any number of steps later, or never.

        The hourly sweep comes at any time, and in the end.
        """
        self._begin()
        held: list[Json] = []
        for number, step in enumerate(self.recording.steps):
            self.stripe.step = number
            waiting = held + step.events
            held = [event for event in waiting if chance.random() < 0.3]
            self._tell_in_disorder([event for event in waiting if event not in held], chance)
            self._work(chance, twice=0.2)
            if chance.random() < 0.2:
                self._find_what_was_missed(chance)
        self._tell_in_disorder(held, chance)
        self._work(chance, twice=0.2)
        self._find_what_was_missed(chance)
        return self._outcome()

    def _begin(self) -> None:
        self.owner.execute(_RESET)
        self.sink.mails.clear()
        ((self.began,),) = self.owner.execute("select clock_timestamp()").fetchall()

    def _tell_in_disorder(self, events: list[Json], chance: random.Random) -> None:
        arriving = [event for event in events if chance.random() > 0.15]
        doubled = [event for event in arriving if chance.random() < 0.3]
        # The same news under another id, as Stripe sends it now and then.
        anew = [{**event, "id": f"{event['id']}_anew"} for event in arriving if chance.random() < 0.1]
        arriving += doubled + anew
        chance.shuffle(arriving)
        for event in arriving:
            self._tell(event)
            if chance.random() < 0.5:
                self._work(chance, twice=0.2)

    def _find_what_was_missed(self, chance: random.Random) -> None:
        event_sweep.sweep()
        self._work(chance, twice=0.2)

    def _tell_all(self, events: list[Json]) -> None:
        for event in events:
            self._tell(event)

    def _tell(self, event: Json) -> None:
        self.deliveries += 1
        webhooks.store(event=event_from(event), payload=event)

    def _work(self, chance: random.Random, *, twice: float) -> None:
        """Do every job that waits and those they cause, in any order, some of them twice; mails only in the end."""
        while jobs := self._waiting("and task_name <> 'emails.send'"):
            chance.shuffle(jobs)
            for job_id, name, arguments in jobs:
                for _ in range(2 if chance.random() < twice else 1):
                    self._do(name, arguments)
                self.owner.execute("delete from procrastinate_jobs where id = %s", [job_id])

    def _outcome(self) -> Outcome:
        for _, name, arguments in self._waiting(""):
            self._do(name, arguments)
        assert self.owner.execute(_HELD).fetchall() == [(0,)], "a change of plan is still being asked for"
        ((state,),) = self.owner.execute(_STATE).fetchall()
        audited = dict(self.owner.execute(_AUDITED, [self.began]).fetchall())
        mails = [str(mail["body"]["custom_args"]["kind"]) for mail in self.sink.mails]
        keys = frozenset(key for mail in self.sink.mails for key in _KEY.findall(mail["text"]))
        return Outcome(state, Counter(audited), Counter(mails), keys)

    def _do(self, name: str, arguments: Json) -> None:
        self.jobs += 1
        app.tasks[name].func(**arguments)

    def _waiting(self, which: str) -> list[Any]:
        query = f"select id, task_name, args from procrastinate_jobs where status = 'todo' {which} order by id"  # noqa: S608
        return self.owner.execute(query).fetchall()


@contextmanager
def playing(recording: Recording, settings: Any) -> Iterator[Playback]:
    """Play a recording back."""
    url = servers.current().postgres.url("migrator")
    with (
        as_stripe(recording, settings) as stripe,
        sending_to_sink(settings) as sink,
        psycopg.connect(url, autocommit=True) as owner,
    ):
        yield Playback(recording, stripe, owner, sink)
