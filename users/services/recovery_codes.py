"""Recovery codes: ten at a time, each good once, for whoever has lost their authenticator app."""

import secrets
from uuid import UUID

from django.db.models.functions import Now

from config.kernel.digests import keyed_hash
from users.models import RecoveryCode, User

NUMBER = 10
# Crockford's base32: no letter that is taken for a digit, and 50 bits a code, which nobody guesses.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 10
_FORGIVEN = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def renew(*, user: User) -> list[str]:
    """Return a new set of codes, which are shown once, and void the older ones; in the caller's transaction."""
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(NUMBER)]
    void(user=user)
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, code_hash=_hash(user.id, code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def void(*, user: User) -> None:
    """Forget every code of a user."""
    RecoveryCode.objects.filter(user=user).delete()


def use(*, user_id: UUID, code: str) -> bool:
    """Use a code up; return whether it was good, which it is for one of any number of callers at once."""
    canonical = code.upper().translate(_FORGIVEN)
    found = RecoveryCode.objects.filter(user_id=user_id, code_hash=_hash(user_id, canonical), used_at=None)
    return found.update(used_at=Now()) == 1


def _hash(user_id: UUID, code: str) -> bytes:
    return keyed_hash("recovery-code", f"{user_id}:{code}")
