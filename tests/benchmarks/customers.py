"""Customers made the way they come to be: over HTTP, from sign-up to a paid licence."""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

PASSWORD = "Correct-Horse-1"
LICENSE_TIMEOUT_SECONDS = 60.0


@dataclass
class Customer:
    """A signed-in owner with a licence, at the server they signed up at."""

    url: str
    access: str
    refresh_token: str
    license_key: str = ""

    def refresh(self) -> None:
        """Get tokens that are good for another five minutes."""
        got = call(self.url, "POST", "/api/v1/auth/token/refresh", {"refresh": self.refresh_token})
        self.access, self.refresh_token = got["access"], got["refresh"]

    def acquire(self, machine: str) -> dict[str, str]:
        """Take a seat, or get the one this machine has; return what keeps it."""
        wanted = {"license_key": self.license_key, "hardware_id": machine}
        got = call(self.url, "POST", "/api/v1/licenses/acquire", wanted, bearer=self.access)
        return {"session_id": got["session_id"], "signed_token": got["signed_token"]}


def become(url: str, *, plan: str) -> Customer:
    """Sign up, verify, sign in, pay for a plan and wait for its licence; raises RuntimeError when a step fails."""
    email = f"bench-{uuid4().hex[:12]}@example.com"
    person = {"email": email, "password": PASSWORD, "full_name": "Ada Lovelace", "company_name": "Analytical Engines"}
    made = call(url, "POST", "/api/v1/auth/register", person)
    call(url, "GET", f"/api/v1/auth/verify-email/{made['verification_token']}")
    tokens = call(url, "POST", "/api/v1/auth/login", {"email": email, "password": PASSWORD})
    customer = Customer(url, tokens["access"], tokens["refresh"])
    opened = call(url, "POST", "/api/v1/checkout/session", {"plan_id": plan}, bearer=customer.access)
    _pay(opened["checkout_url"])
    customer.license_key = _await_license(customer)
    return customer


def _await_license(customer: Customer) -> str:
    deadline = time.monotonic() + LICENSE_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        for license_ in call(customer.url, "GET", "/api/v1/licenses", bearer=customer.access)["results"]:
            return str(license_["license_key"])
        time.sleep(0.1)
    raise RuntimeError("no licence was issued for a paid subscription")


def _pay(checkout_url: str) -> None:
    address = urlsplit(checkout_url)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    connection.request("POST", address.path, "action=pay", {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 303:
        raise RuntimeError(f"the Checkout page answered {answer.status}")


def call(url: str, method: str, path: str, body: dict[str, Any] | None = None, *, bearer: str = "") -> Any:
    """Send one request and return the decoded answer; raises RuntimeError when it is none of the 2xx."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise RuntimeError(f"{method} {path} was answered {answer.status}: {content[:500]!r}")
    return json.loads(content) if content else None
