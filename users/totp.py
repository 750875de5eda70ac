"""Time-based one-time passwords (RFC 6238) in the form that every authenticator app reads: SHA-1, 6 digits, 30 s."""

import base64
import hmac
import os
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

ISSUER = "CODITECT"
DIGITS, STEP_SECONDS = 6, 30
SECRET_BYTES = 20
"""160 bits, the length that RFC 4226 §4 recommends."""
DRIFT_STEPS = 1
"""A code is taken one step early or late (RFC 6238 §5.2), so three of a million are good at any moment."""


def new_secret() -> bytes:
    """Return a random secret."""
    return os.urandom(SECRET_BYTES)


def as_text(secret: bytes) -> str:
    """Return the secret as people type it into an app: base32, without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def provisioning_uri(secret: bytes, *, account: str) -> str:
    """Return the otpauth:// address that an app reads from a QR code."""
    return _generator(secret).get_provisioning_uri(account, ISSUER)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a time step (30 s each, counted since 1970)."""
    return _generator(secret).generate(step * STEP_SECONDS).decode()


def matching_step(secret: bytes, code: str, *, at: datetime) -> int | None:
    """Return the time step around `at` whose code this is, None when it is no such step's; the newest one counts."""
    current = int(at.timestamp()) // STEP_SECONDS
    presented = "".join(code.split()).encode()
    steps = [current + drift for drift in range(DRIFT_STEPS, -DRIFT_STEPS - 1, -1)]
    # Each is compared, in constant time: which one fits is nobody's business.
    fitting = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), presented)]
    return fitting[0] if fitting else None


def _generator(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303  (what the apps know; HMAC-SHA-1 stands)
