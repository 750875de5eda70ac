"""Ids in Stripe's form: a prefix that names the kind, then letters and digits."""

from __future__ import annotations

import secrets
import string

ALPHABET = string.ascii_letters + string.digits
LENGTHS = {"cus": 14, "prod": 14, "cs_test": 58, "whsec": 32}
DEFAULT_LENGTH = 24


def new_id(prefix: str) -> str:
    """A fresh id, for example `new_id("sub")` → `sub_1R…` (24 random characters unless Stripe's form differs)."""
    length = LENGTHS.get(prefix, DEFAULT_LENGTH)
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(length))
