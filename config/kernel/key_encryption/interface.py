"""What a keeper of key-encryption keys can do, whichever it is, and how it fails."""

from dataclasses import dataclass, field
from typing import Protocol

from config.kernel.errors import DependencyUnavailable

RETRY_SECONDS = 2


class KeyEncryptionUnavailable(DependencyUnavailable):
    """The keeper of the key-encryption key does not answer, or refuses us; what is asked again later may succeed."""

    def __init__(self) -> None:
        super().__init__(retry_after=RETRY_SECONDS)


@dataclass(frozen=True)
class Opened:
    """An unwrapped data key, and whether the newest key-encryption key wraps it."""

    data_key: bytes = field(repr=False)
    newest: bool


class Keeper(Protocol):
    """Wraps and opens data keys. What it returns names the key-encryption key that opens it.

    `context` says what the data key belongs to; both calls must be given the same.
    """

    def wrap(self, data_key: bytes, context: tuple[str, ...]) -> bytes:
        """Return the data key under the newest key-encryption key. Raises KeyEncryptionUnavailable."""
        ...

    def open(self, wrapped: bytes, context: tuple[str, ...]) -> Opened:
        """Return the data key. Raises CannotDecrypt, KeyEncryptionUnavailable."""
        ...
