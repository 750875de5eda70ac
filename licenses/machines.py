"""Ids of machines: checked, and kept only as keyed hashes."""

import re

from config.kernel.digests import keyed_hash
from licenses.errors import HardwareIdInvalid

_FORM = re.compile(r"[A-Za-z0-9._:-]{10,255}")


def hardware_hash(hardware_id: str) -> bytes:
    """Return the 32 bytes that stand for a machine; raises HardwareIdInvalid for a malformed id."""
    if not _FORM.fullmatch(hardware_id):
        raise HardwareIdInvalid
    return keyed_hash("hardware-id", hardware_id)
