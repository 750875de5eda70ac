"""What the stand-in answers when it says no, in SendGrid's shape."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request; `field` is its place in the body, as in `personalizations.0.to`."""

    message: str
    field: str | None = None

    def shown(self) -> dict[str, str | None]:
        """Return it as an element of `errors`."""
        return {"message": self.message, "field": self.field, "help": None}


class Refused(Exception):
    """The request is answered with a status other than 2xx."""

    def __init__(self, status: int, *faults: Fault, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.faults = faults
        self.headers = headers or {}
        super().__init__(status)
