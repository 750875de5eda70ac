"""The drill: every signing key is replaced while two web processes serve, and nobody is logged out."""

import itertools
from typing import Any

import httpx
import jwt
from django.core.management import call_command
from joserfc import jws
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from rest_framework.test import APIClient

from config.kernel.key_files import LEAST_LEAD
from tests import journey
from tests.api.issued import licensed
from tests.concurrency.together import wait_until
from tests.concurrency.web import Web


def kid_of(token: str) -> str:
    """Return which key signed a token."""
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid


def ok(answer: httpx.Response) -> dict[str, Any]:
    """Return the body of a good answer."""
    assert answer.status_code in (200, 201), answer.text
    body: dict[str, Any] = answer.json()
    return body


def published(web: Web) -> set[str]:
    """Return the ids of the keys that a process publishes."""
    return {key["kid"] for key in web.http.get("/.well-known/jwks.json").json()["keys"]}


class Client:
    """Somebody who is signed in and holds a seat, asking now this process, now that."""

    def __init__(self, webs: tuple[Web, Web], license_key: str, tokens: dict[str, Any]) -> None:
        self.webs, self.license_key, self.tokens = itertools.cycle(webs), license_key, tokens
        body = {"license_key": license_key, "hardware_id": "machine-0001"}
        self.seat = ok(next(self.webs).http.post("/api/v1/licenses/acquire", json=body, headers=self.headers))

    @property
    def headers(self) -> dict[str, str]:
        """What proves the sign-in."""
        return {"Authorization": f"Bearer {self.tokens['access']}"}

    def go_on(self) -> set[str]:
        """Use and renew everything; return which keys signed what was handed out."""
        ok(next(self.webs).http.get("/api/v1/auth/me", headers=self.headers))
        refresh = {"refresh": self.tokens["refresh"]}
        self.tokens = ok(next(self.webs).http.post("/api/v1/auth/token/refresh", json=refresh))
        again = ok(next(self.webs).http.post("/api/v1/auth/token/refresh", json=refresh))
        assert again["refresh"] == self.tokens["refresh"], "the other process gives the same one again"
        seat = {name: self.seat[name] for name in ("session_id", "signed_token")}
        self.seat |= ok(next(self.webs).http.post("/api/v1/licenses/heartbeat", json=seat))
        return {kid_of(token) for token in (self.tokens["access"], self.tokens["refresh"], self.seat["signed_token"])}


class TestRotationOfSigningKeys:
    def test_logs_nobody_out(self, db: None, web: Web, second_web: Web) -> None:
        made = licensed()
        login = {"email": made.customer.email, "password": journey.PASSWORD}
        # In this process, whose settings hash passwords otherwise than those of the web.
        one, idle = (APIClient().post("/api/v1/auth/login", login).json() for _ in range(2))
        client = Client((web, second_web), made.license_key, one)
        path = f"/api/v1/licenses/{made.license_id}/download/"
        old_file, old_seat = web.http.get(path, headers=client.headers).json(), dict(client.seat)
        old_keys = client.go_on()
        before = published(web)

        call_command("rotate_keys", purpose="all", lead=int(LEAST_LEAD.total_seconds()))
        wait_until(lambda: published(web) - before != set() and published(second_web) == published(web))
        assert client.go_on() == old_keys, "published, and not signing yet"
        new_keys: set[str] = set()

        def all_new() -> bool:
            new_keys.update(client.go_on() - old_keys)
            return not client.go_on() & old_keys

        wait_until(all_new, seconds=30)
        assert new_keys <= published(web) - before

        headers = {"Authorization": f"Bearer {idle['access']}"}
        for process in (web, second_web):
            ok(process.http.get("/api/v1/auth/me", headers=headers))
            verify(old_file, process)
            verify(process.http.get(path, headers=client.headers).json(), process)
        ok(second_web.http.post("/api/v1/auth/token/refresh", json={"refresh": idle["refresh"]}))
        late = {"session_id": old_seat["session_id"], "signed_token": old_seat["signed_token"]}
        assert second_web.http.post("/api/v1/licenses/release", json=late).status_code == 204

        call_command("rotate_keys", purpose="all", prune=True)
        assert before <= published(web), "what they signed is still in use"


def verify(file: Any, web: Web) -> None:
    """Verify a licence file with the keys that a process publishes; raises otherwise."""
    keys = KeySet.import_key_set(web.http.get("/.well-known/jwks.json").json())
    jws.deserialize_json(file, keys, registry=JWSRegistry(algorithms=["PS256"], strict_check_header=False))
