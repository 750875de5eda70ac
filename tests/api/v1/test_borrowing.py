"""Borrowed seats: leases of days, counted like all others, with a file that a machine verifies offline."""

import hashlib
import json
import os
import shutil
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from rest_framework.test import APIClient

from config.kernel.tenancy import organization_context
from licenses.models import EndReason
from licenses.seats import record
from tests.api.beneath import as_owner, at_once
from tests.api.issued import change, licensed
from tests.api.managed_license import verb
from tests.api.raw import quiet
from tests.api.refusals import refused
from tests.concurrency.together import on_its_own_connection, wait_until
from tests.journey import Licensed

MACHINE = "machine-0001"
NOW = datetime.now(UTC)


@pytest.fixture
def made(db: None) -> Licensed:
    """Return a licence of three seats, two of which may be borrowed, for whoever has the key."""
    return licensed(access_policy="key", max_borrowed_seats=2)


@pytest.fixture
def signing_key(made: Licensed, settings: Any, tmp_path: Path) -> Path:
    """Return the file of the key that signs borrowed seats' files, which nobody has read yet and a test may spoil."""
    copy = tmp_path / "keys"
    shutil.copytree(settings.KEYS_DIR, copy)
    settings.KEYS_DIR = copy
    (file,) = (copy / "license-files").glob("*.pem")
    return file


@contextmanager
def read_by_somebody(pipe: Path) -> Iterator[int]:
    """Wait until somebody reads a named pipe, who then waits for what is written to it; yields where to write."""
    ends: list[int] = []

    def opened() -> bool:
        with suppress(OSError):  # as long as nobody reads
            ends.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return bool(ends)

    wait_until(opened)
    try:
        yield ends[0]
    finally:
        os.close(ends[0])


def ask(verb: str, made: Licensed, machine: str = MACHINE, **more: Any) -> Any:
    """Ask for a seat."""
    body = {"license_key": made.license_key, "hardware_id": machine, **more}
    return quiet(APIClient()).post(f"/api/v1/licenses/{verb}", body)


def borrow(made: Licensed, machine: str = MACHINE, days: Any = 7) -> Any:
    """Ask for a seat for days."""
    return ask("borrow", made, machine, days=days)


def acquire(made: Licensed, machine: str = MACHINE) -> Any:
    """Ask for a seat."""
    return ask("acquire", made, machine)


def release(seat: dict[str, Any]) -> Any:
    """Give a seat back."""
    return APIClient().post("/api/v1/licenses/release", {name: seat[name] for name in ("session_id", "signed_token")})


def payload(answer: Any) -> dict[str, Any]:
    """Return what the file of an answer says."""
    assert answer.status_code == 200
    said: dict[str, Any] = json.loads(urlsafe_b64decode(answer.json()["file"]["payload"] + "=="))
    return said


def live() -> list[str]:
    """Return of which kind the live sessions are."""
    rows = as_owner(
        "select kind from licenses_licensesession"
        " where ended_at is null and expires_at > clock_timestamp() order by kind"
    )
    return [kind for (kind,) in rows]


def until(text: str) -> timedelta:
    """Return how far off a moment of an answer is."""
    return datetime.fromisoformat(text) - datetime.now(UTC)


class TestBorrow:
    def test_is_refused_unless_the_licence_lends_seats(self, made: Licensed) -> None:
        change(made, max_borrowed_seats=0)
        answer = borrow(made)
        refused(answer, 403, "borrow_limit_reached")
        assert answer.json()["max_borrowed_seats"] == 0
        assert live() == []

    def test_answers_with_a_file_that_this_machine_verifies_offline(self, made: Licensed) -> None:
        seat = borrow(made).json()
        published = KeySet.import_key_set(APIClient().get("/.well-known/jwks.json").json())
        registry = JWSRegistry(algorithms=["PS256"], strict_check_header=False)
        checked = jws.deserialize_json(seat["file"], published, registry=registry)
        assert checked.headers()["typ"] == "coditect-borrow+jws"
        payload = json.loads(checked.payload)
        known = payload["machine"]
        assert hashlib.sha256(f"{known['salt']}:{MACHINE}".encode()).hexdigest() == known["sha256"]
        assert hashlib.sha256(f"{known['salt']}:machine-0002".encode()).hexdigest() != known["sha256"]
        assert payload["session_id"] == seat["session_id"]
        assert abs(until(payload["expires_at"]) - until(seat["expires_at"])) <= timedelta(seconds=1)
        assert timedelta(days=7, minutes=-5) < until(seat["expires_at"]) <= timedelta(days=7)
        assert (payload["license_id"], payload["max_seats"]) == (made.license_id, 3)
        again = borrow(made).json()["file"]
        assert json.loads(jws.deserialize_json(again, published, registry=registry).payload)["machine"] != known

    def test_keeps_the_key_that_signed_the_file(self, made: Licensed) -> None:
        change(made, expires_at=NOW + timedelta(days=300))
        as_owner("delete from licenses_signedfile")
        seat = borrow(made, days=9).json()
        ((end,),) = as_owner("select valid_until from licenses_signedfile")
        assert abs(end - datetime.fromisoformat(seat["expires_at"])) < timedelta(seconds=1)

    def test_counts_for_its_whole_time(self, made: Licensed) -> None:
        change(made, max_seats=1)
        borrow(made)
        answer = acquire(made, "machine-0002")
        refused(answer, 429, "no_seats_available")
        # The borrowed seat may be given back any minute: nobody is told to stay away for its seven days.
        assert int(answer.headers["Retry-After"]) == 360
        refused(borrow(made, "machine-0002"), 429, "no_seats_available")

    def test_lends_no_more_than_the_licence_allows_and_the_same_machine_again(self, made: Licensed) -> None:
        first = borrow(made, days=7).json()
        assert borrow(made, "machine-0002").status_code == 200
        refused(borrow(made, "machine-0003"), 403, "borrow_limit_reached")
        shorter = borrow(made, days=1).json()
        assert (shorter["session_id"], shorter["expires_at"]) == (first["session_id"], first["expires_at"])
        assert until(borrow(made, days=20).json()["expires_at"]) > timedelta(days=19)
        assert acquire(made, "machine-0003").status_code == 201
        assert live() == ["borrowed", "borrowed", "floating"]

    def test_takes_the_seat_that_the_machine_has_and_nothing_shortens_it(self, made: Licensed) -> None:
        seat = acquire(made).json()
        borrowed = borrow(made).json()
        assert borrowed["session_id"] == seat["session_id"]
        assert live() == ["borrowed"]
        own = acquire(made)
        assert (own.status_code, own.json()["expires_at"]) == (200, borrowed["expires_at"])
        assert own.json()["offline_until"] == borrowed["expires_at"]
        token = {name: own.json()[name] for name in ("session_id", "signed_token")}
        assert APIClient().post("/api/v1/licenses/heartbeat", token).json()["expires_at"] == borrowed["expires_at"]

    def test_is_over_when_it_is_given_back_and_by_itself(self, made: Licensed) -> None:
        change(made, max_seats=1)
        assert release(borrow(made).json()).status_code == 204
        assert borrow(made, "machine-0002").status_code == 200
        refused(acquire(made), 429, "no_seats_available")
        as_owner("update licenses_licensesession set expires_at = clock_timestamp() where ended_at is null")
        # What the gate believes of it lasts for one lease at most; a gate that is gone says nothing.
        assert live() == []
        assert borrow(made, "machine-0003").status_code == 200

    def test_ends_with_the_licence(self, made: Licensed) -> None:
        change(made, expires_at=NOW + timedelta(days=2))
        assert timedelta(days=1) < until(borrow(made, days=30).json()["expires_at"]) <= timedelta(days=2)
        change(made, expires_at=NOW - timedelta(days=1))
        refused(borrow(made), 403, "license_expired")

    def test_whose_end_the_gate_was_not_told_keeps_newcomers_out_for_one_lease_at_most(self, made: Licensed) -> None:
        """The process dies between PostgreSQL, where the seat is free, and the gate, which still has it."""
        change(made, max_seats=1)
        acquire(made)
        seat = borrow(made, days=20).json()
        organization_id = UUID(made.customer.organization_id)
        with organization_context(organization_id):
            assert record.release(
                organization_id=organization_id,
                session_id=UUID(seat["session_id"]),
                lease_no=None,
                reason=EndReason.RELEASED,
            )
        answer = acquire(made, "machine-0003")
        refused(answer, 429, "no_seats_available")
        assert int(answer.headers["Retry-After"]) <= 360

    @pytest.mark.parametrize("days", [0, -1, 31, "x", None, 10**30])
    def test_is_for_one_to_thirty_days(self, made: Licensed, days: Any) -> None:
        assert borrow(made, days=days).status_code == 400

    def test_holds_both_limits_when_all_come_at_once(self, made: Licensed) -> None:
        calls = [(verb, f"machine-{number:04}") for number in range(4) for verb in ("borrow", "acquire")]
        calls = [(verb, machine + verb) for verb, machine in calls]
        answers = at_once(8, lambda number: ask(calls[number][0], made, calls[number][1], days=5))
        won = sorted(calls[place][0] for place, answer in enumerate(answers) if answer.status_code in (200, 201))
        assert {answer.status_code for answer in answers} <= {200, 201, 403, 429}
        assert len(won) == 3
        assert won.count("borrow") <= 2
        assert live() == sorted({"borrow": "borrowed", "acquire": "floating"}[verb] for verb in won)


class TestFile:
    def test_is_signed_while_others_take_seats_of_the_same_licence(self, made: Licensed, signing_key: Path) -> None:
        pem = signing_key.read_bytes()
        signing_key.unlink()
        os.mkfifo(signing_key)
        with ThreadPoolExecutor(1) as pool:
            borrowing = pool.submit(on_its_own_connection(lambda: borrow(made)))
            with read_by_somebody(signing_key) as end:
                assert acquire(made, "machine-0002").status_code == 201
                assert not borrowing.done()
                os.write(end, pem)
            assert borrowing.result().status_code == 200

    def test_tells_whoever_asked_by_a_replaced_key_no_newer_one(self, made: Licensed) -> None:
        """As of an owner whose key got out, and who leaves the machines a day to learn the new one."""
        new = verb(made, "rotate-key").json()["license_key"]
        assert new != made.license_key
        assert payload(borrow(made))["license_key"] == made.license_key
        carelessly = replace(made, license_key=new.lower().replace("-", " "))
        assert payload(borrow(carelessly))["license_key"] == new

    def test_that_could_not_be_signed_is_there_for_the_same_request_again(
        self, made: Licensed, signing_key: Path
    ) -> None:
        away = signing_key.rename(signing_key.with_suffix(".away"))
        assert borrow(made).status_code == 500
        away.rename(signing_key)
        assert live() == ["borrowed"]
        seat = borrow(made).json()
        assert seat["file"]["signature"]
        assert as_owner("select id::text from licenses_licensesession") == [(seat["session_id"],)]
