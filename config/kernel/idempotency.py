"""Makes a request that is repeated under one key happen once (after Stripe's Idempotency-Key).

The row is inserted before the work begins and committed by itself: of any number of callers with one key, the unique
constraint lets one work. Whoever dies at it holds the key for HELD at most; then a repetition works again.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from config.kernel import clock, envelope
from config.kernel.digests import keyed_hash
from config.kernel.errors import DomainError, Kind
from config.kernel.ids import new_id
from config.kernel.models import IdempotentRequest

REMEMBERED = timedelta(hours=24)
HELD = timedelta(minutes=1)


class IdempotencyKeyReused(DomainError):
    """The key was used for another body."""

    kind = Kind.UNPROCESSABLE
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used for another request."


class IdempotencyInFlight(DomainError):
    """The first request with this key has not been answered yet."""

    kind = Kind.CONFLICT
    code = "idempotency_in_flight"
    detail = "The first request with this Idempotency-Key is still being worked on."


@dataclass(frozen=True)
class Answer:
    """What was answered the first time."""

    status: int
    body: Any


@dataclass(frozen=True)
class Turn:
    """The right to do the work of one key; ends in `finish` or `give_up`."""

    request: IdempotentRequest

    def finish(self, answer: Answer) -> None:
        """Remember the answer for everybody who repeats the request."""
        blob = envelope.wrap(json.dumps(answer.body).encode(), "idempotency", str(self.request.id))
        IdempotentRequest.objects.filter(id=self.request.id).update(status=answer.status, answer=blob)

    def give_up(self) -> None:
        """Forget the request: nothing was done that a repetition could do twice."""
        IdempotentRequest.objects.filter(id=self.request.id).delete()


def begin(*, caller: str, route: str, key: str, body: bytes) -> Turn | Answer:
    """Return the turn to do the work, or the answer that was given before.

    Raises IdempotencyKeyReused for another body, IdempotencyInFlight while the first is being worked on.
    """
    caller_key = keyed_hash("idempotency", f"{caller}\x00{route}\x00{key}")
    body_hash = keyed_hash("idempotency-body", body.hex())
    now = clock.now()
    request = IdempotentRequest(id=new_id(), caller_key=caller_key, body_hash=body_hash, held_until=now + HELD)
    # What is too old, or was left by a process that died, is out of the way first.
    IdempotentRequest.objects.filter(caller_key=caller_key, created_at__lt=now - REMEMBERED).delete()
    IdempotentRequest.objects.filter(caller_key=caller_key, status=None, held_until__lt=now).delete()
    IdempotentRequest.objects.bulk_create([request], ignore_conflicts=True)
    found = IdempotentRequest.objects.get(caller_key=caller_key)
    if found.id == request.id:
        return Turn(request)
    if bytes(found.body_hash) != body_hash:
        raise IdempotencyKeyReused
    if found.status is None or found.answer is None:
        raise IdempotencyInFlight(retry_after=1)
    return Answer(found.status, json.loads(envelope.unwrap(bytes(found.answer), "idempotency", str(found.id))))


def forget_old() -> int:
    """Delete what need not be remembered any more; return how many."""
    deleted, _ = IdempotentRequest.objects.filter(created_at__lt=Now() - REMEMBERED).delete()
    return deleted
