"""Plays a recorded journey back: a Stripe that looks as it did at each step, and a worker that meets disorder."""

import json
import random
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

from subscriptions.services import event_sweep, webhooks
from subscriptions.stripe.shapes import event_from
from tests.plugins import servers
from tests.subscriptions.journeys import Json, Recording

_RESET = """
truncate licenses_signedfile, licenses_licensesession, licenses_activation, licenses_license,
  subscriptions_invoice, subscriptions_billingflag, subscriptions_webhookevent, subscriptions_reconcilerun,
  emails_emaillog, emails_mailboxmessage, procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers;
update subscriptions_checkoutsession set status = 'open', subscription_id = null, completed_at = null;
delete from subscriptions_subscription;
update organizations_organization set status = 'active';
update organizations_quota set used = 0 where name = 'licenses';
"""
_STATE = """
select json_build_object(
  'subscriptions', (select json_agg(to_jsonb(s) - '{id,stripe_fetched_at,created_at,organization_id}'::text[])
                    from subscriptions_subscription s),
  'invoices', (select json_agg(to_jsonb(i) - '{id,subscription_id,organization_id,told_attempts}'::text[]
                               order by i.stripe_created_at, i.stripe_invoice_id) from subscriptions_invoice i),
  'licenses', (select json_agg(to_jsonb(l) - '{id,organization_id,subscription_id,key_hash,key_encrypted,issued_at,
                               suspended_at,deactivated_at}'::text[]) from licenses_license l),
  'organization', (select json_agg(status) from organizations_organization),
  'quotas', (select json_agg(json_build_array(name, allowed, used) order by name) from organizations_quota),
  'checkouts', (select json_agg(status) from subscriptions_checkoutsession),
  'flags', (select count(*) from subscriptions_billingflag),
  'events', (select json_agg(distinct status) from subscriptions_webhookevent),
  'jobs that failed', (select count(*) from procrastinate_jobs where status = 'failed'))
"""


@dataclass
class Outcome:
    """What is left in the end: every row that counts, and the mails that reached the sink, by kind."""

    state: Json
    mails: Counter[str]


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
    jobs: int = field(default=0)

    def in_order(self) -> Outcome:
        """Tell everything once, as it happens."""
        self.owner.execute(_RESET)
        for number, step in enumerate(self.recording.steps):
            self.stripe.step = number
            for event in step.events:
                self._tell(event)
                self._work(random.Random(0), twice=0)
        return self._outcome()

    def afterwards(self, chance: random.Random | None) -> Outcome:
        """Tell of the purchase, then of all the rest when it is over: in order, or shuffled, doubled and with gaps.

        What never arrives is found by the hourly sweep.
        """
        self.owner.execute(_RESET)
        purchase, *rest = self.recording.steps
        last = len(rest)
        for number, events in ((0, purchase.events), (last, [event for step in rest for event in step.events])):
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
        """Tell of each step in disorder; what is held back comes a step later, or never and is found by the sweep."""
        self.owner.execute(_RESET)
        held: list[Json] = []
        for number, step in enumerate(self.recording.steps):
            self.stripe.step = number
            late = [event for event in step.events if chance.random() < 0.3]
            now = held + [event for event in step.events if event not in late]
            held = late
            self._tell_in_disorder(now, chance)
            self._work(chance, twice=0.2)
        self._tell_in_disorder(held, chance)
        self._work(chance, twice=0.2)
        self._find_what_was_missed(chance)
        return self._outcome()

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
        ((state,),) = self.owner.execute(_STATE).fetchall()
        mails = self.owner.execute("select kind, count(*) from emails_mailboxmessage group by 1").fetchall()
        return Outcome(state, Counter(dict(mails)))

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
    with as_stripe(recording, settings) as stripe, psycopg.connect(url, autocommit=True) as owner:
        yield Playback(recording, stripe, owner)
