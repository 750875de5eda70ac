"""`./dev demo`: the customer's whole journey over HTTP, from signing up to verifying the licence file offline."""

import re
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

import jwt

from deploy.local.demo.api_client import Api, DemoFailedError
from deploy.local.progress import note, paint

PATIENCE_SECONDS = 30.0
Found = TypeVar("Found")


def play(url: str) -> None:
    """Play the journey against the product at `url`, showing each step. Raises DemoFailedError at the first failure."""
    began = time.perf_counter()
    journey = Journey(Api(url))
    steps: list[tuple[str, Callable[[], None]]] = [
        ("A company signs up", journey.register),
        ("The mail with the link arrives, and the link is opened", journey.verify),
        ("Sign in", journey.login),
        ("Pick a plan", journey.pick_plan),
        ("Pay on the Checkout page", journey.pay),
        ("The success page shows the licence key", journey.receive_licence),
        ("Anyone can check the key", journey.validate),
        ("Three machines take the three seats", journey.fill_seats),
        ("A fourth machine is refused", journey.refuse_fourth),
        ("The first machine keeps its seat by a heartbeat", journey.beat),
        ("It gives the seat back, and the fourth machine gets it", journey.hand_over),
        ("The licence file is verified offline, with the public keys alone", journey.verify_file),
    ]
    for number, (title, step) in enumerate(steps, start=1):
        note(f"\n{paint(f'{number:>2}  {title}', '1')}")
        at = time.perf_counter()
        step()
        note(f"     {paint('ok', '32')}  {time.perf_counter() - at:.2f} s")
    note(f"\n{paint('The whole journey worked', '32;1')}, in {time.perf_counter() - began:.1f} s.")


class Journey:
    """One customer and what they know so far."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._email = f"ada.{secrets.token_hex(4)}@example.com"
        self._password = f"Engine-{secrets.token_hex(6)}-A1"
        self._plan: dict[str, Any] = {}
        self._success_url = ""
        self._key = ""
        self._seats: list[dict[str, Any]] = []

    def register(self) -> None:
        """A user and an organization of their own."""
        body: dict[str, object] = {"email": self._email, "password": self._password}
        body |= {"full_name": "Ada Lovelace", "company_name": "Analytical Engines"}
        self._api.post("/api/v1/auth/register", body, expect=201)

    def verify(self) -> None:
        """The worker sends the mail; the local mailbox shows it; its link confirms the address."""
        mail = until("the verification mail", self._find_mail)
        note(f"     mail to {mail['to']}: {mail['subject']}")
        # Asked for as JSON, as our own program does; a person's browser gets a page from the same link.
        self._api.get(_first_link(mail["text"], "verify"))

    def login(self) -> None:
        """The access token is sent with everything that follows."""
        answer = self._api.post("/api/v1/auth/login", {"email": self._email, "password": self._password})
        self._api.token = answer.body["access"]

    def pick_plan(self) -> None:
        """The public plans; the cheapest has three seats."""
        body = self._api.get("/api/v1/plans").body
        plans = body["results"] if isinstance(body, dict) else body
        for plan in plans:
            price = f"{plan['price_cents'] / 100:.2f} {plan['currency']}"
            note(f"     {plan['name']:<12} {price:>12}  {plan['max_seats']} seats")
        self._plan = plans[0]

    def pay(self) -> None:
        """A Checkout session, and the button "pay" on its page."""
        session = self._api.post("/api/v1/checkout/session", {"plan_id": self._plan["id"]}, expect=201).body
        self._success_url = self._api.submit(session["checkout_url"], {"action": "pay"}, expect=303).headers["location"]

    def receive_licence(self) -> None:
        """Stripe's webhook is applied by the worker; until then the page says that it waits."""
        self._key = until("the licence key on the success page", self._find_key)
        note(f"     licence key {paint(self._key, '1')}")

    def validate(self) -> None:
        """Public and without a sign-in, as an installer would do it."""
        answer = self._api.post("/api/v1/licenses/validate/", {"license_key": self._key}).body
        expect(answer["valid"], f"the key was found not valid: {answer}")

    def fill_seats(self) -> None:
        """As many machines as the plan has seats."""
        self._seats = [self._acquire(number).body for number in range(1, self._plan["max_seats"] + 1)]
        expect(self._seats[-1]["seats_used"] == self._plan["max_seats"], "not every seat is taken")

    def refuse_fourth(self) -> None:
        """429 with the code that says why, and when the next lease runs out."""
        answer = self._acquire(self._plan["max_seats"] + 1, status=429)
        expect(answer.code() == "no_seats_available", f"refused with the code {answer.code()}")
        note(f"     Retry-After: {answer.headers.get('retry-after')} s")

    def beat(self) -> None:
        """Each beat answers with a fresh token for the next one."""
        answer = self._api.post("/api/v1/licenses/heartbeat", self._proof(self._seats[0])).body
        self._seats[0] |= {"signed_token": answer["signed_token"]}

    def hand_over(self) -> None:
        """A released seat is free at once."""
        self._api.post("/api/v1/licenses/release", self._proof(self._seats[0]), expect=204)
        self._acquire(self._plan["max_seats"] + 1)

    def verify_file(self) -> None:
        """A flattened JWS: any JOSE library can check it."""
        licence_id = self._seats[0]["license"]["id"]
        file = self._api.get(f"/api/v1/licenses/{licence_id}/download/").body
        keys = jwt.PyJWKSet.from_dict(self._api.get("/.well-known/jwks.json").body)
        token = f"{file['protected']}.{file['payload']}.{file['signature']}"
        header = jwt.get_unverified_header(token)
        try:
            claims = jwt.decode(token, keys[header["kid"]], algorithms=["PS256"], options={"verify_aud": False})
        except jwt.InvalidTokenError as error:
            raise DemoFailedError(f"the licence file is not genuine: {error}") from error
        note(f"     signed with {header['alg']} by key {header['kid']}, claims: {', '.join(claims)}")
        self._refuse_forgery(file, keys, header["kid"])

    def _refuse_forgery(self, file: dict[str, str], keys: jwt.PyJWKSet, kid: str) -> None:
        forged = file["payload"][:-4] + ("AAAA" if file["payload"][-4:] != "AAAA" else "BBBB")
        try:
            jwt.decode(f"{file['protected']}.{forged}.{file['signature']}", keys[kid], algorithms=["PS256"])
        except jwt.InvalidTokenError:
            note("     one letter changed: refused")
            return
        raise DemoFailedError("a changed licence file was taken for genuine")

    def _acquire(self, machine: int, status: int = 201) -> Any:
        body: dict[str, object] = {"license_key": self._key, "hardware_id": f"demo-machine-{machine:03}"}
        return self._api.post("/api/v1/licenses/acquire", body, expect=status)

    @staticmethod
    def _proof(seat: dict[str, Any]) -> dict[str, object]:
        return {"session_id": seat["session_id"], "signed_token": seat["signed_token"]}

    def _find_mail(self) -> dict[str, Any] | None:
        mails: list[dict[str, Any]] = self._api.get("/local/mailbox", quiet=True).body
        return next((mail for mail in mails if self._email in str(mail["to"]) and "verify" in mail["kind"]), None)

    def _find_key(self) -> str | None:
        page = self._api.get(self._success_url, quiet=True).body
        return _search(page, "license_key")


def until(what: str, look: Callable[[], Found | None]) -> Found:
    """Look again and again until it is there. Raises DemoFailedError after half a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.2)
    raise DemoFailedError(f"{what} did not come within {PATIENCE_SECONDS:.0f} s")


def expect(holds: bool, otherwise: str) -> None:
    """Raise DemoFailedError unless it holds."""
    if not holds:
        raise DemoFailedError(otherwise)


def _first_link(text: str, containing: str) -> str:
    links: list[str] = re.findall(r"https?://[^\s<>\"]+", text)
    for link in links:
        if containing in link:
            return link.rstrip(".,)")
    raise DemoFailedError(f"no link with '{containing}' in the mail: {text}")


def _search(value: Any, name: str) -> str | None:
    """The first text under the name, however deep it lies in the page's JSON."""
    if isinstance(value, dict):
        if isinstance(value.get(name), str):
            return str(value[name])
        return next((found for item in value.values() if (found := _search(item, name))), None)
    return None
