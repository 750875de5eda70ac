"""Licence keys: `CODITECT-XXXX-XXXX-XXXX-XXXX-XXXX`, 18 random Crockford base32 symbols and 2 that check them.

18 symbols are 90 bits, far beyond guessing at any rate limit. The two check symbols are the remainder of the payload
modulo 1021 (a prime just under 32²), which finds every single wrong symbol and every swap of two payload symbols.
"""

import re
import secrets

from licenses.errors import LicenseKeyMalformed

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
PREFIX = "CODITECT"
_PAYLOAD_SYMBOLS = 18
_CHECK_PRIME = 1021
_FORGIVEN = str.maketrans({"O": "0", "I": "1", "L": "1"})
_LEGACY = re.compile(r"CODITECT(20[0-9]{2})([A-Z0-9]{4})([A-Z0-9]{4})")


def generate() -> str:
    """Return a new random key."""
    payload = "".join(secrets.choice(ALPHABET) for _ in range(_PAYLOAD_SYMBOLS))
    return _grouped(payload + _check_symbols(payload))


def normalize(text: str) -> str:
    """Return the key in its one canonical form; case, spaces, missing hyphens, O/0 and I/L/1 are forgiven.

    The older form `CODITECT-YYYY-XXXX-XXXX`, which has no check symbols, is accepted. Raises LicenseKeyMalformed.
    """
    compact = re.sub(r"[\s-]", "", text).upper()
    if not compact.isascii() or not compact.startswith(PREFIX):
        raise LicenseKeyMalformed
    legacy = _LEGACY.fullmatch(compact)
    if legacy:
        return "-".join((PREFIX, *legacy.groups()))
    symbols = compact[len(PREFIX) :].translate(_FORGIVEN)
    payload, check = symbols[:_PAYLOAD_SYMBOLS], symbols[_PAYLOAD_SYMBOLS:]
    if len(symbols) != _PAYLOAD_SYMBOLS + 2 or not set(symbols) <= set(ALPHABET) or check != _check_symbols(payload):
        raise LicenseKeyMalformed
    return _grouped(symbols)


def masked(key: str) -> str:
    """Return the key with all but its last four symbols hidden, for lists and logs."""
    return f"{PREFIX}-****-{key[-4:]}"


def _check_symbols(payload: str) -> str:
    value = 0
    for symbol in payload:
        value = (value * 32 + ALPHABET.index(symbol)) % _CHECK_PRIME
    return ALPHABET[value // 32] + ALPHABET[value % 32]


def _grouped(symbols: str) -> str:
    return "-".join([PREFIX, *(symbols[index : index + 4] for index in range(0, len(symbols), 4))])
