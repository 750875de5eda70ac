"""What machines show of themselves: checked, kept only as keyed hashes, and compared with what one showed before."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from config.kernel.digests import keyed_hash
from licenses.errors import HardwareIdInvalid, HardwareSignalsInvalid
from licenses.models.license import MatchPolicy

HARDWARE_ID = "hardware_id"
MOST_SIGNALS = 16
_FORM = re.compile(r"[A-Za-z0-9._:-]{10,255}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_VALUE = re.compile(r"[ -~]{1,255}")


@dataclass(frozen=True)
class Shown:
    """What a machine shows: the hash of its id, and by name those of all its signals, of which the id is one."""

    hardware_hash: bytes
    signals: Mapping[str, str]

    @property
    def more_than_id(self) -> bool:
        """Whether there are signals beside the id."""
        return len(self.signals) > 1


class Known(Protocol):
    """What an activation knows its machine by."""

    @property
    def hardware_hash(self) -> bytes | memoryview:
        """The id it was bound by."""

    @property
    def signals(self) -> Mapping[str, str]:
        """What it showed last; nothing, if that was its id alone."""


def hardware_hash(hardware_id: str) -> bytes:
    """Return the 32 bytes that stand for a machine; raises HardwareIdInvalid for a malformed id."""
    if not _FORM.fullmatch(hardware_id):
        raise HardwareIdInvalid
    return keyed_hash("hardware-id", hardware_id)


def shown(*, hardware_id: str, signals: Mapping[str, str]) -> Shown:
    """Return what a machine shows; raises HardwareIdInvalid, HardwareSignalsInvalid."""
    own = hardware_hash(hardware_id)
    well_formed = all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in signals.items())
    if len(signals) > MOST_SIGNALS or HARDWARE_ID in signals or not well_formed:
        raise HardwareSignalsInvalid
    hashes = {name: keyed_hash(f"hardware-signal:{name}", value).hex() for name, value in signals.items()}
    return Shown(own, {HARDWARE_ID: own.hex(), **hashes})


def known_signals(known: Known) -> Mapping[str, str]:
    """Return the signals of an activation, of which its id is always one."""
    return known.signals or {HARDWARE_ID: bytes(known.hardware_hash).hex()}


def matches(known: Mapping[str, str], signals: Mapping[str, str], policy: str) -> bool:
    """Return whether a machine that shows these signals is the one that is known by those.

    Counted are the known ones that are shown with the same value: `any` asks for one of them, `most` for more than
    half, `all` for each. What is shown and not known counts for nothing.
    """
    same = agreeing(known, signals)
    if policy == MatchPolicy.ALL:
        return same == len(known)
    return 2 * same > len(known) if policy == MatchPolicy.MOST else same > 0


def agreeing(known: Mapping[str, str], signals: Mapping[str, str]) -> int:
    """Return how many of the known signals are shown with the same value."""
    return sum(signals.get(name) == value for name, value in known.items())


KnownMachine = TypeVar("KnownMachine", bound=Known)


def recognise(machines: Iterable[KnownMachine], shown: Shown, policy: str) -> KnownMachine | None:
    """Return the machine that shows this: of those that match, the one with most in common.

    Of several, the one that was bound by this very id, or else the first bound.
    """
    matching = [one for one in machines if matches(known_signals(one), shown.signals, policy)]

    def likeness(one: KnownMachine) -> tuple[int, bool]:
        return agreeing(known_signals(one), shown.signals), bytes(one.hardware_hash) == shown.hardware_hash

    return max(matching, key=likeness, default=None)
