"""What the load sends: each scenario yields one connection's requests, one after the other, and gets the answers.

Plain data in, plain data out, and no Django: the generator of the load is a process of its own that must start fast.
"""

import itertools
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

API = "/api/v1/licenses"
ROWS = "/api/benchmark/row-lock"


@dataclass(frozen=True)
class Request:
    """One request, ready to be sent; `name` is the row it counts for, `expect` the only statuses it may get.

    The load stops a connection only after a request with `may_stop`, so that none leaves a seat taken.
    """

    name: str
    expect: tuple[int, ...]
    text: bytes
    may_stop: bool = True


Scenario = Generator[Request, Any, None]


def empty_user(plan: dict[str, Any]) -> Scenario:
    """Ask the yardstick of user tokens."""
    while True:
        yield make_request("empty_user", "GET", "/api/benchmark/empty-user", bearer=plan["access"])


def empty_seat(plan: dict[str, Any]) -> Scenario:
    """Ask the yardstick of seat tokens."""
    while True:
        yield make_request("empty_seat", "GET", "/api/benchmark/empty-seat", bearer=plan["seats"][0]["signed_token"])


def heartbeat(plan: dict[str, Any]) -> Scenario:
    """Beat for each of this connection's seats in turn, with the token of its last answer, as a client does."""
    for seat in itertools.cycle(plan["seats"]):
        answer = yield make_request("heartbeat", "POST", f"{API}/heartbeat", body=seat)
        _refuse_degraded(answer)
        seat["signed_token"] = answer["signed_token"]


def acquire(plan: dict[str, Any]) -> Scenario:
    """Take a seat and give it back, over and over, on the next of this connection's licences each time."""
    for key in itertools.cycle(plan["license_keys"]):
        wanted = {"license_key": key, "hardware_id": plan["hardware_id"]}
        got = yield make_request(
            "acquire", "POST", f"{API}/acquire", body=wanted, bearer=plan["access"], expect=(201,), may_stop=False
        )
        _refuse_degraded(got)
        held = {"session_id": got["session_id"], "signed_token": got["signed_token"]}
        yield make_request("release", "POST", f"{API}/release", body=held, expect=(204,))


def rows_acquire(plan: dict[str, Any]) -> Scenario:
    """The same by row locks alone."""
    return _by_row_locks("rows_acquire", plan, plan["license_keys"])


def rows_hot(plan: dict[str, Any]) -> Scenario:
    """The same by row locks alone, all connections on one licence."""
    return _by_row_locks("rows_hot", plan, [plan["hot_license_key"]])


def _by_row_locks(name: str, plan: dict[str, Any], keys: list[str]) -> Scenario:
    for key in itertools.cycle(keys):
        wanted = {"license_key": key, "hardware_id": plan["hardware_id"]}
        got = yield make_request(
            name, "POST", f"{ROWS}-acquire", body=wanted, bearer=plan["access"], expect=(201,), may_stop=False
        )
        yield make_request(f"{name}_release", "POST", f"{ROWS}-release", body=got, bearer=plan["access"], expect=(204,))


def rows_refused(plan: dict[str, Any]) -> Scenario:
    """Ask for a seat of a licence that has none left, by row locks alone."""
    return _refused("rows_refused", f"{ROWS}-acquire", plan, {})


def rows_refused_lean(plan: dict[str, Any]) -> Scenario:
    """The same by the product's own statement, without its gate."""
    return _refused("rows_refused_lean", f"{ROWS}-acquire", plan, {"lean": True})


def refused(plan: dict[str, Any]) -> Scenario:
    """Ask for a seat of a licence that has none left."""
    return _refused("refused", f"{API}/acquire", plan, {})


def _refused(name: str, path: str, plan: dict[str, Any], more: dict[str, Any]) -> Scenario:
    wanted = {"license_key": plan["full_license_key"], "hardware_id": plan["hardware_id"], **more}
    while True:
        yield make_request(name, "POST", path, body=wanted, bearer=plan["full_license_access"], expect=(429,))


def validate(plan: dict[str, Any]) -> Scenario:
    """Ask whether a key is good, as anybody may."""
    while True:
        yield make_request("validate", "POST", f"{API}/validate", body={"license_key": plan["license_key"]})


def machine(connection: int) -> str:
    """Return the id of the machine that asks for seats on a connection."""
    return f"bench-asking-{connection:03}"


SCENARIOS: dict[str, Callable[[dict[str, Any]], Scenario]] = {
    each.__name__: each
    for each in (
        empty_user,
        empty_seat,
        heartbeat,
        acquire,
        refused,
        validate,
        rows_acquire,
        rows_hot,
        rows_refused,
        rows_refused_lean,
    )
}


def make_request(
    name: str,
    method: str,
    path: str,
    *,
    body: dict[str, Any] | None = None,
    bearer: str = "",
    expect: tuple[int, ...] = (200,),
    may_stop: bool = True,
) -> Request:
    """Return a request with its body as JSON, written out as HTTP/1.1."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    if bearer:
        lines.append(f"Authorization: Bearer {bearer}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return Request(name, expect, "\r\n".join([*lines, "", ""]).encode() + content, may_stop)


def _refuse_degraded(answer: dict[str, Any]) -> None:
    if answer["degraded"]:
        raise RuntimeError("Redis did not answer in time: this run measured another path than the one it names")
