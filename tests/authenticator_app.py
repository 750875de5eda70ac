"""An authenticator app, as people have one on their phone: knows nothing of our code, only RFC 6238."""

import base64
import hashlib
import hmac
import struct
import time
from dataclasses import dataclass
from typing import Any

from rest_framework.test import APIClient

from tests import journey
from tests.api.beneath import as_owner
from tests.journey import Customer


@dataclass(frozen=True)
class App:
    """Set up with a secret; shows codes."""

    secret: str

    def code(self, *, steps: int = 0) -> str:
        """Return the code of now, or of so many steps of 30 s later."""
        key = base64.b32decode(self.secret + "=" * (-len(self.secret) % 8))
        digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + steps), hashlib.sha1).digest()
        at = digest[-1] & 15
        return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"

    def wrong_code(self) -> str:
        """Return six digits that are no code of these minutes."""
        near = {self.code(steps=steps) for steps in range(-4, 5)}
        return next(f"{number:06}" for number in range(10) if f"{number:06}" not in near)


@dataclass(frozen=True)
class Secured:
    """A customer with two-factor sign-in."""

    customer: Customer
    app: App
    recovery_codes: list[str]


def enable(customer: Customer) -> Secured:
    """Set up two-factor sign-in; the code that confirmed it may be used again, as half a minute later another one."""
    begun = customer.api.post("/api/v1/auth/mfa/totp")
    assert begun.status_code == 201, begun.content
    app = App(begun.json()["secret"])
    confirmed = customer.api.post("/api/v1/auth/mfa/totp/confirm", {"code": app.code()})
    assert confirmed.status_code == 200, confirmed.content
    pass_half_a_minute()
    return Secured(customer, app, confirmed.json()["recovery_codes"])


def pass_half_a_minute() -> None:
    """Let the app's present code be one that was not used yet."""
    as_owner("update users_authenticator set last_step = last_step - 2")


def pass_a_day() -> None:
    """Let every wait for the next attempt be over."""
    as_owner("update users_authenticator set next_attempt_at = next_attempt_at - interval '1 day'")


def pass_ten_minutes() -> None:
    """Let every proof of identity be too old for what asks for a recent one."""
    as_owner("update users_session set authenticated_at = authenticated_at - interval '10 minutes'")


def password_step(email: str, password: str = journey.PASSWORD) -> str:
    """Sign in by password; return the token that asks for the second factor."""
    answer = APIClient().post("/api/v1/auth/login", {"email": email, "password": password})
    assert answer.status_code == 403, answer.content
    token: str = answer.json()["mfa_token"]
    return token


def finish(mfa_token: str, **proof: str) -> Any:
    """Send the second factor."""
    return APIClient().post("/api/v1/auth/login/mfa", {"mfa_token": mfa_token, **proof})


def signed_in(access: str) -> APIClient:
    """Return the client of whoever holds an access token."""
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return api
