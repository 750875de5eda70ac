"""Follows an audit chain place by place and says what is wrong with it; knows no database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from users import chain, checkpoints
from users.chain import GENESIS, Leaf
from users.checkpoints import Checkpoint

TOLERANCE = timedelta(hours=1) // timedelta(microseconds=1)
"""How far an entry's time may lie from its id's, and before that of one sealed earlier: no transaction is so long, and
no clock of ours so wrong."""
MOST_MISFITS = 200
"""So many places that do not fit are kept, to find out whether their entries were only exchanged."""


@dataclass(frozen=True)
class Fault:
    """Something wrong: in whose chain (None: the platform's), at which place and entry where there is one, and what."""

    organization_id: UUID | None
    sequence: int | None
    entry_id: UUID | None
    what: str

    def __str__(self) -> str:
        where = [f"organization {self.organization_id}" if self.organization_id else "platform"]
        where += [f"sequence {self.sequence}"] if self.sequence is not None else []
        where += [f"entry {self.entry_id}"] if self.entry_id is not None else []
        return f"{', '.join(where)}: {self.what}"


@dataclass(frozen=True)
class Place:
    """A seal, the entry that it names (None: it is gone), and the signed checkpoint of this place, if it has one."""

    sequence: int
    entry_id: UUID
    hash: bytes
    leaf: Leaf | None
    signed: Checkpoint | None


class Walk:
    """One chain from its first place to its head."""

    def __init__(self, organization_id: UUID | None, tell: Callable[[Fault], None]) -> None:
        self.newest = 0
        self._organization_id = organization_id
        self._tell = tell
        self._sequence = 0
        self._hash: bytes | None = GENESIS
        self._signed = 0
        self._misfits: list[tuple[bytes, Place, Leaf]] = []

    def visit(self, place: Place) -> None:
        """Hold the next place against the one before it; each is judged by the hash that is stored before it."""
        if place.sequence != self._sequence + 1:
            self._fault(place, f"follows sequence {self._sequence}: what was between them is missing")
            self._hash = None
        if place.leaf is None:
            self._fault(place, "is missing: the entry was deleted")
        elif self._hash is not None and chain.link(self._hash, place.sequence, place.leaf) != place.hash:
            self._misfit(self._hash, place, place.leaf)
        else:
            self._check_time(place, place.leaf)
        if place.signed is not None:
            self._check_signature(place, place.signed)
        self._sequence, self._hash = place.sequence, place.hash

    def arrive(self) -> None:
        """Say what can be said only at the end."""
        for previous, place, leaf in self._misfits:
            self._judge(previous, place, leaf)
        if self._signed != self._sequence:
            fault = "is the last of the chain and has no signed checkpoint: what came after it was cut off"
            self._tell(Fault(self._organization_id, self._sequence, None, fault))

    def _misfit(self, previous: bytes, place: Place, leaf: Leaf) -> None:
        if len(self._misfits) < MOST_MISFITS:
            self._misfits.append((previous, place, leaf))
        else:
            self._judge(previous, place, leaf)

    def _judge(self, previous: bytes, place: Place, leaf: Leaf) -> None:
        for _, other, content in self._misfits:
            # Exchanged are either the entries' places in the chain, or all that they hold but their ids.
            moved = (content, content._replace(id=leaf.id))
            if other is not place and place.hash in {chain.link(previous, place.sequence, one) for one in moved}:
                self._fault(place, f"was re-ordered: what belongs here stands at sequence {other.sequence}")
                return
        self._fault(place, "was edited: the entry is not what was sealed, or its seal was changed")

    def _check_time(self, place: Place, leaf: Leaf) -> None:
        occurred = _microseconds(leaf.occurred_at)
        made = (leaf.id.int >> 80) * 1000 if leaf.id.version == 7 else occurred
        if occurred is None or made is None or abs(occurred - made) > TOLERANCE:
            self._fault(place, "is misdated: its id was not made at the time that it claims")
        elif occurred < self.newest - TOLERANCE:
            self._fault(place, "is misdated: it claims to be older than what was sealed before it")
        else:
            self.newest = max(self.newest, occurred)

    def _check_signature(self, place: Place, signed: Checkpoint) -> None:
        if not checkpoints.is_ours(signed):
            self._fault(place, "has a checkpoint that is not signed by a key of ours")
        elif signed.hash != place.hash:
            self._fault(place, "has another hash than was signed: the chain was written anew")
        self._signed = place.sequence

    def _fault(self, place: Place, what: str) -> None:
        self._tell(Fault(self._organization_id, place.sequence, place.entry_id, what))


def _microseconds(text: str) -> int | None:
    """Return a time as COLUMNS reads it, None for infinity."""
    return int(text) if text.lstrip("-").isdigit() else None
