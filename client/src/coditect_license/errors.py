"""Every failure that a host can meet, on one page; each says what the host can do about it (`advice`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LicensingError(Exception):
    """What all of them are. `code` is stable, `retryable` says whether the same call may succeed later."""

    code = "licensing_error"
    detail = "Something about the licence went wrong."
    advice = "Show it to the user."
    retryable = False

    def __init__(self, detail: str | None = None, *, code: str | None = None) -> None:
        if code is not None:
            self.code = code
        self.detail = detail or self.detail
        super().__init__(f"{self.detail} {self.advice}")


class Outage(LicensingError):
    """Nobody answered whom we could believe: no network, a proxy's page, a server in trouble. Nothing about a licence.

    `retry_after` is in seconds, where a server of ours asked for it.
    """

    code = "outage"
    detail = "The licence server could not be asked."
    advice = "A seat that is held stays usable until its grace ends; try again later."
    retryable = True

    def __init__(self, detail: str | None = None, *, code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after = retry_after


class OfflineGraceExceeded(LicensingError):
    """Nobody could be asked for as long as the last answer allowed: the seat is lost."""

    code = "offline_grace_exceeded"
    detail = "The licence server could not be reached for longer than the seat may be used offline."
    advice = "Let the user save, then wait for the network and acquire a seat again."
    retryable = True


class SeatNotHeld(LicensingError):
    """The seat was not acquired yet, was given back, or belongs to the process that this one was forked from."""

    code = "seat_not_held"
    detail = "This seat is not held here."
    advice = "Acquire one first."


class SignInFailed(LicensingError):
    """Signing in was refused. These answers are not signed, so that it says nothing about a licence."""

    code = "sign_in_failed"
    detail = "Signing in was refused."
    advice = "Ask the user for e-mail and password again."


class SecondFactorRequired(SignInFailed):
    """The password was right, and the account wants a code as well."""

    code = "mfa_required"
    detail = "This account signs in with a second factor."
    advice = "Ask the user for the code of their authenticator, and sign in with `code`."


class FileRefused(LicensingError):
    """A licence file, or a borrowed seat's, that may not be used here and now."""


class FileNotGenuine(FileRefused):
    """Not a licence file, changed, or signed by nobody whom we trust."""

    code = "file_not_genuine"
    detail = "This file does not prove a licence."
    advice = "Download it again. If that does not help, this program may be older than the key that signed it."


class FileOfAnotherMachine(FileRefused):
    """A seat that another machine has borrowed."""

    code = "file_of_another_machine"
    detail = "This seat was borrowed for another machine."
    advice = "Borrow one for this machine."


class FileNotUsable(FileRefused):
    """Genuine, but not yet or no longer good."""

    code = "file_not_usable"
    advice = "Download it again while the licence is active, or check the clock of this machine."


class ClockSetBack(FileRefused):
    """This machine's clock says less than what was seen before."""

    code = "clock_set_back"
    detail = "The clock of this machine has been set back."
    advice = "Set it right."


class Refused(LicensingError):
    """The server said no, signed. `status` is that of the answer, `answer` its content."""

    code = "refused"
    detail = "The licence server refused."

    def __init__(self, detail: str | None = None, *, code: str, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(detail, code=code)
        self.status = status
        self.answer = answer


class LicenseUnknown(Refused):
    """No licence has this key."""

    advice = "Ask the user for the key again: it may be mistyped, or have been replaced."


class LicenseNotUsable(Refused):
    """The licence has expired, is suspended, or has ended."""

    advice = "Tell the user that its owner or an admin can renew or reinstate it."


class SignInRequired(Refused):
    """The licence is used by signed-in members only, and nobody is signed in (any more)."""

    advice = "Sign the user in with `login`, then try again."
    retryable = True


class MachineRefused(Refused):
    """The licence is not for this machine, as it stands."""

    advice = "Activate this machine, or ask an owner or admin to deactivate another one."


class NoSeatsAvailable(Refused):
    """Every seat is in use; the next may be free in `retry_after` seconds."""

    advice = "Wait for `retry_after`, or ask a colleague to close the program."
    retryable = True
    retry_after: float | None = None

    @property
    def max_seats(self) -> int | None:
        """How many seats the licence has, as the server told."""
        return self._number("max_seats")

    @property
    def current_seats_used(self) -> int | None:
        """How many of them are in use."""
        return self._number("current_seats_used")

    def _number(self, name: str) -> int | None:
        value = self.answer.get(name)
        return value if isinstance(value, int) else None


class SeatGone(Refused):
    """The lease is over, or the token is not that of this seat any more."""

    advice = "Acquire a seat again."
    retryable = True


class SeatTakenOver(Refused):
    """The user moved their seat to another machine."""

    advice = "Let the user save; acquire a seat again only when they want to work on this machine."


_BY_CODE: Mapping[str, type[Refused]] = {
    "license_key_malformed": LicenseUnknown,
    "license_not_found": LicenseUnknown,
    "license_expired": LicenseNotUsable,
    "license_suspended": LicenseNotUsable,
    "license_inactive": LicenseNotUsable,
    "not_authenticated": SignInRequired,
    "authentication_failed": SignInRequired,
    "activation_required": MachineRefused,
    "activation_limit_reached": MachineRefused,
    "machine_mismatch": MachineRefused,
    "hardware_id_invalid": MachineRefused,
    "hardware_signals_invalid": MachineRefused,
    "no_seats_available": NoSeatsAvailable,
    "session_expired": SeatGone,
    "session_not_found": SeatGone,
    "token_mismatch": SeatGone,
    "token_superseded": SeatGone,
    "session_taken_over": SeatTakenOver,
}


def refusal(*, status: int, answer: Mapping[str, Any], retry_after: float | None = None) -> Refused:
    """Return the failure that a signed refusal stands for; raises LookupError or TypeError for what has another shape.

    A code that is not known here is a plain Refused: the server may be newer than this package.
    """
    first = answer["errors"][0]
    code, detail = str(first["code"]), str(first["detail"])
    made = _BY_CODE.get(code, Refused)(detail, code=code, status=status, answer=answer)
    if isinstance(made, NoSeatsAvailable):
        made.retry_after = retry_after
    return made
