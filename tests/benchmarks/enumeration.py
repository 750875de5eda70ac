"""Whether answers about an address tell if it has an account: by their content, and by their time, mail up and down.

Known and unknown addresses are asked about in random order, one at a time, over one connection. How well time tells
them apart is the probability that a random known one took longer than a random unknown one (the AUC, Mann and Whitney
1947): 0.5 is a coin, and its 95 % interval under "no difference" is 0.5 ± 1.96·√((n+m+1)/(12·n·m)) (0.443 to 0.557
at 200 each).
"""

import http.client
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit
from uuid import uuid4

from deploy.local.home import Home
from deploy.local.ports import free_port
from deploy.local.postgres import Postgres
from deploy.local.stack import Stack
from deploy.local.supervisor import StopFlag
from tests.benchmarks.customers import PASSWORD, call
from tests.benchmarks.world import inherited
from tests.emails.mail_server import mail_server

ROUTES = {
    "login": {"password": "Wrong-Horse-1"},
    "forgot-password": {},
    "resend-verification": {},
}
KNOWN_ACCOUNTS = 20
NOT_COMPARED = {"date", "x-request-id"}


@dataclass(frozen=True)
class Comparison:
    """One route with mail up or down: milliseconds of known and unknown addresses, and the answers' contents."""

    route: str
    mail: str
    known: list[float]
    unknown: list[float]
    answers: set[str]


def compare(*, runs: int) -> list[Comparison]:
    """Ask each route `runs` times about known and as often about unknown addresses, with mail up and then down."""
    with mail_server() as mail, _stack(mail.url) as url:
        compared = [_compare(url, route, "up", runs) for route in ROUTES]
    with _stack(f"smtp://127.0.0.1:{free_port()}") as url:
        return compared + [_compare(url, route, "down", runs) for route in ROUTES]


def table(compared: list[Comparison]) -> str:
    """Return the comparisons as Markdown."""
    lines = [
        "| route | mail | n known, unknown | p50 ms known | p50 ms unknown | known / unknown | AUC (coin) | answers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in compared:
        known, unknown = median(one.known), median(one.unknown)
        cells = [one.route, one.mail, f"{len(one.known)}, {len(one.unknown)}", f"{known:.2f}", f"{unknown:.2f}"]
        margin = 1.96 * sqrt((len(one.known) + len(one.unknown) + 1) / (12 * len(one.known) * len(one.unknown)))
        cells += [
            f"{known / unknown:.3f}",
            f"{auc(one.known, one.unknown):.3f} ({0.5 - margin:.3f}–{0.5 + margin:.3f})",
        ]
        cells.append("equal" if len(one.answers) == 1 else f"{len(one.answers)} DIFFERENT")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def auc(first: list[float], second: list[float]) -> float:
    """Return the probability that a random one of `first` is greater than a random one of `second`; ties count half."""
    greater = sum((one > other) + (one == other) / 2 for one in first for other in second)
    return greater / (len(first) * len(second))


@contextmanager
def _stack(smtp_url: str) -> Iterator[str]:
    """Run the whole product, with this mail server, on throwaway data; yield its address."""
    folder = Path(tempfile.mkdtemp(prefix="coditect-bench-"))
    caller = inherited() | {"EMAIL_PROVIDER": "smtp", "SMTP_URL": smtp_url}
    stack = Stack(Home(folder), free_port(), caller, StopFlag())
    try:
        with redirect_stdout(sys.stderr):
            stack.start()
        yield stack.url
    finally:
        stack.stop()
        Postgres(folder / "postgres").destroy()
        shutil.rmtree(folder, ignore_errors=True)


def _compare(url: str, route: str, mail: str, runs: int) -> Comparison:
    known = [_account(url, verified=route != "resend-verification") for _ in range(KNOWN_ACCOUNTS)]
    asked = [(True, known[number % len(known)]) for number in range(runs)]
    asked += [(False, f"nobody-{uuid4().hex[:12]}@example.com") for _ in range(runs)]
    random.shuffle(asked)
    compared = Comparison(route, mail, [], [], set())
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    _ask(connection, route, "warm-up@example.com")
    for is_known, email in asked:
        took, answer = _ask(connection, route, email)
        (compared.known if is_known else compared.unknown).append(took)
        compared.answers.add(answer)
    connection.close()
    return compared


def _ask(connection: http.client.HTTPConnection, route: str, email: str) -> tuple[float, str]:
    """Return the milliseconds to the answer's last byte, and all of it that could tell one address from another."""
    body = json.dumps({"email": email, **ROUTES[route]})
    began = time.perf_counter()
    connection.request("POST", f"/api/v1/auth/{route}", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    took = (time.perf_counter() - began) * 1000
    headers = sorted((name.lower(), value) for name, value in answer.getheaders() if name.lower() not in NOT_COMPARED)
    return took, f"{answer.status} {headers} {content!r}"


def _account(url: str, *, verified: bool) -> str:
    email = f"known-{uuid4().hex[:12]}@example.com"
    person = {"email": email, "password": PASSWORD, "full_name": "Ada Lovelace", "company_name": "Analytical Engines"}
    made = call(url, "POST", "/api/v1/auth/register", person)
    if verified:
        call(url, "GET", f"/api/v1/auth/verify-email/{made['verification_token']}")
    return email
