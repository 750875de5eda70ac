"""Sends every operation what is another organization's, one input at a time and all at once, and judges the answers.

An answer to what is another's must be, to the byte, the answer to what is nobody's; it must hold none of the other's
words; and afterwards every row of the other's must be what it was.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from tests.api.raw import send
from tests.journey import Customer
from tests.tenancy import inputs, rows
from tests.tenancy.inputs import Input, Operation
from tests.tenancy.world import World

Filling = dict[Input, Any]
# A signature covers the path that was asked and the second; the digest of what was answered is compared.
CHANGING = {"x-request-id", "date", "content-length", "signature", "signature-input"}
_SIGNATURE = re.compile(r'"signature": "[^"]+"')  # PS256 signs the same thing differently each time
_RUNNING = re.compile(r'"(duration|leased|average_duration)_seconds":[0-9.]+')  # grows while a session is live


class WallDown(AssertionError):
    """An operation told or changed what is another organization's."""


@dataclass(frozen=True)
class Answer:
    """What came back, read to its end."""

    status: int
    text: str
    headers: dict[str, str]


@dataclass
class Attack:
    """`eve`, as one of her people, against `ada`; counts what was tried."""

    eve: World
    ada: World
    caller: Customer
    operations: int = 0
    requests: int = 0
    _fillings: int = 0
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._secrets = rows.tellings(self.ada, beside=self.eve)
        self._ids = rows.ids(self.ada)
        self._before = rows.picture(self.ada)

    def every_operation(self) -> None:
        """Try all; raises WallDown."""
        for operation in inputs.operations():
            self.one(operation)

    def one(self, operation: Operation) -> None:
        """Try one operation; raises WallDown."""
        self.operations += 1
        attempts = list(self._attempts(operation))
        for theirs, nobodys, exact in attempts:
            answer = self._send(operation, theirs)
            other = self._send(operation, nobodys)
            varied = [one for one in theirs if theirs[one] != nobodys[one]]
            told = _told(operation, answer, theirs, varied)
            expected = _told(operation, other, nobodys, varied)
            if exact and told != expected:
                raise WallDown(f"{operation} of {_shown(theirs)}: {told}, not {expected}")
        # A DELETE of what is one's own would do what it says.
        if operation.method != "DELETE" or not attempts:
            self._send(operation, self._own(operation))
            self._send(operation, self._own(operation) | self._smuggled(operation))
        after = rows.picture(self.ada)
        if after != self._before:
            changed = [table for table in after if after[table] != self._before[table]]
            raise WallDown(f"{operation} changed {changed}")

    def _attempts(self, operation: Operation) -> Iterator[tuple[Filling, Filling, bool]]:
        """Yield what to send with another's values and, beside it, with nobody's; and whether to compare them."""
        named = {one: inputs.belongings(operation, one, self.ada) for one in operation.inputs}
        named = {one: values for one, values in named.items() if values}
        for one, values in named.items():
            exact = (str(operation), one.name) not in inputs.SHOWN_TO_HOLDERS
            for value in values:
                own = self._own(operation)
                yield own | {one: value}, self._own(operation) | {one: inputs.unknown(one, value)}, exact
        # A key is the caller's own, and by now they have used it for something else.
        named = {one: values for one, values in named.items() if one.name != "Idempotency-Key"}
        if len(named) > 1:
            exact = not any((str(operation), one.name) in inputs.SHOWN_TO_HOLDERS for one in named)
            theirs = {one: values[0] for one, values in named.items()}
            nobodys = {one: inputs.unknown(one, value) for one, value in theirs.items()}
            yield self._own(operation) | theirs, self._own(operation) | nobodys, exact

    def _smuggled(self, operation: Operation) -> Filling:
        """Return another's ids under names that the operation does not take, and so must not heed."""
        place = "query" if operation.method == "GET" else "body"
        theirs = {
            "id": self.ada.organization_id,
            "organization": self.ada.slug,
            "organization_id": self.ada.organization_id,
            "user": self.ada.owner.user_id,
            "user_id": self.ada.owner.user_id,
            "license": self.ada.license_key,
            "license_id": self._ids["licenses_license"][0],
            "search": self.ada.name,
        }
        taken = {one.name for one in operation.inputs}
        return {Input(place, name, {}): value for name, value in theirs.items() if name not in taken}

    def _own(self, operation: Operation) -> Filling:
        self._fillings += 1
        return {one: inputs.own(operation, one, self.eve, self._fillings) for one in operation.inputs}

    def _send(self, operation: Operation, filling: Filling) -> Answer:
        self.requests += 1
        path, query, body, headers = operation.path, {}, {}, {}
        for one, value in filling.items():
            if value is None:
                continue
            if one.place == "path":
                path = path.replace(f"{{{one.name}}}", quote(str(value), safe=""))
            elif one.place == "query":
                query[one.name] = value
            elif one.place == "header":
                headers["HTTP_" + one.name.upper().replace("-", "_")] = str(value)
            else:
                body[one.name] = value
        address = f"{path}?{urlencode(query)}" if query else path
        content = json.dumps(body).encode()
        got = send(self.caller.api, operation.method, address, content, **headers)
        answer = Answer(got.status_code, got.getvalue().decode(), dict(got.headers))
        self._judge(operation, filling, answer)
        return answer

    def _judge(self, operation: Operation, filling: Filling, answer: Answer) -> None:
        sent = {str(value) for value in filling.values()}
        shown = {
            told
            for one in filling
            for table in inputs.SHOWN_TO_HOLDERS.get((str(operation), one.name), ())
            for told in self._ids[table]
        }
        if answer.status >= 500 and answer.status != 503:
            raise WallDown(f"{operation} of {_shown(filling)}: {answer}")
        if answer.status in {401, 429} and not operation.path.startswith(("/api/v1/auth", "/api/v1/licenses")):
            raise AssertionError(f"{operation} was not tried: {answer}")
        text = answer.text + json.dumps(answer.headers)
        told = {word for word in self._secrets - self._known - sent - shown if word in text}
        if told:
            raise WallDown(f"{operation} of {_shown(filling)} told {sorted(told)}")
        if answer.status < 300:
            # What one has written down oneself may be read again; the audit log says what one has exported.
            self._known |= sent & self._secrets


def _told(operation: Operation, answer: Answer, filling: Filling, varied: list[Input]) -> Any:
    """Return what an answer says: all of it, with what was asked for blotted out; of something made, its shape."""
    text = _RUNNING.sub("", _SIGNATURE.sub("", answer.text))
    for value in sorted((str(filling[one]) for one in varied), key=len, reverse=True):
        text = text.replace(value, "…")
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in CHANGING}
    if answer.status < 300 and operation.method != "GET":
        return answer.status, _shape(json.loads(text) if text else None), sorted(headers)
    return answer.status, text, headers


def _shape(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _shape(value) for name, value in data.items()}
    return type(data).__name__


def _shown(filling: Filling) -> str:
    return ", ".join(f"{one.place} {one.name}={value}" for one, value in filling.items() if value is not None)
