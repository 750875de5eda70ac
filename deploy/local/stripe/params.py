"""Reads Stripe's form encoding (`a[b][0]=c`) and checks it against schemas: unknown, missing, mistyped are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from deploy.local.stripe.errors import invalid, missing_parameter, unknown_parameter

KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
MAX_DEPTH = 8


class Type(Protocol):
    """One kind of parameter: turns the decoded form value into a Python value or raises ApiError."""

    def read(self, raw: Any, name: str) -> Any: ...


@dataclass(frozen=True)
class Text:
    """A string. With `unset`, the empty string clears the field (None)."""

    max_length: int = 5000
    unset: bool = False

    def read(self, raw: Any, name: str) -> str | None:
        if not isinstance(raw, str):
            raise invalid(f"Invalid string: {raw}", param=name)
        if raw == "":
            if self.unset:
                return None
            raise invalid(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
                f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply "
                "a non-empty value.",
                code="parameter_invalid_empty",
                param=name,
            )
        if len(raw) > self.max_length:
            raise invalid(
                f"Invalid string: must be at most {self.max_length} characters", code="invalid_characters", param=name
            )
        return raw


@dataclass(frozen=True)
class Int:
    """A whole number within bounds, both inclusive."""

    low: int | None = None
    high: int | None = None

    def read(self, raw: Any, name: str) -> int:
        if not isinstance(raw, str) or not re.fullmatch(r"-?[0-9]{1,15}", raw):
            raise invalid(f"Invalid integer: {raw}", code="parameter_invalid_integer", param=name)
        value = int(raw)
        if self.low is not None and value < self.low:
            raise invalid(
                f"This value must be greater than or equal to {self.low}.",
                code="parameter_invalid_integer",
                param=name,
            )
        if self.high is not None and value > self.high:
            raise invalid(
                f"This value must be less than or equal to {self.high}.", code="parameter_invalid_integer", param=name
            )
        return value


@dataclass(frozen=True)
class Bool:
    """`true` or `false`, nothing else."""

    def read(self, raw: Any, name: str) -> bool:
        if raw not in ("true", "false"):
            raise invalid(f"Invalid boolean: {raw}", param=name)
        return bool(raw == "true")


@dataclass(frozen=True)
class Choice:
    """One of a closed list; what Stripe knows but the stand-in does not simulate is left out and so refused."""

    of: tuple[str, ...]

    def read(self, raw: Any, name: str) -> str:
        if raw not in self.of:
            raise invalid(f"Invalid {name}: must be one of {', '.join(self.of)}", param=name)
        return str(raw)


@dataclass(frozen=True)
class Url:
    """An absolute http or https address."""

    def read(self, raw: Any, name: str) -> str:
        if not isinstance(raw, str) or not re.match(r"^https?://[^\s/]+", raw):
            raise invalid("Not a valid URL", code="url_invalid", param=name)
        return raw


@dataclass(frozen=True)
class Email:
    """An address with something on both sides of the at sign."""

    unset: bool = False

    def read(self, raw: Any, name: str) -> str | None:
        if raw == "" and self.unset:
            return None
        if not isinstance(raw, str) or len(raw) > 512 or not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", raw):
            raise invalid(f"Invalid email address: {raw}", code="email_invalid", param=name)
        return raw


@dataclass(frozen=True)
class Metadata:
    """Up to 50 keys of 40 characters with values of 500; a value of None unsets that key, None unsets them all."""

    def read(self, raw: Any, name: str) -> dict[str, str | None] | None:
        if raw == "":
            return None
        if not isinstance(raw, dict):
            raise invalid("Invalid object", param=name)
        if len(raw) > 50:
            raise invalid("Metadata can have at most 50 keys", param=name)
        for key, value in raw.items():
            if len(key) > 40:
                raise invalid("Metadata keys can have at most 40 characters", param=f"{name}[{key}]")
            if not isinstance(value, str) or len(value) > 500:
                raise invalid("Metadata values must be strings of at most 500 characters", param=f"{name}[{key}]")
        return {key: value or None for key, value in raw.items()}


@dataclass(frozen=True)
class ListOf:
    """An array: `name[0]=…` or `name[]=…`."""

    item: Type
    high: int = 100

    def read(self, raw: Any, name: str) -> list[Any]:
        if isinstance(raw, dict) and all(key.isdigit() for key in raw):
            raw = [raw[key] for key in sorted(raw, key=int)]
        if not isinstance(raw, list):
            raise invalid("Invalid array", param=name)
        if len(raw) > self.high:
            raise invalid(f"Array must have at most {self.high} elements", param=name)
        return [self.item.read(value, f"{name}[{index}]") for index, value in enumerate(raw)]


@dataclass(frozen=True)
class Hash:
    """Named parameters inside one, each with its own type."""

    fields: Mapping[str, Type]
    required: tuple[str, ...] = ()

    def read(self, raw: Any, name: str) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise invalid("Invalid object", param=name)
        for key in raw:
            if key not in self.fields:
                raise unknown_parameter(f"{name}[{key}]" if name else key)
        for key in self.required:
            if key not in raw:
                raise missing_parameter(f"{name}[{key}]" if name else key)
        return {key: self.fields[key].read(value, f"{name}[{key}]" if name else key) for key, value in raw.items()}


@dataclass(frozen=True)
class TimeRange:
    """A moment in seconds, or bounds: returned as `{"gte": 1, …}`, an exact moment as `{"gte": t, "lte": t}`."""

    def read(self, raw: Any, name: str) -> dict[str, int]:
        if isinstance(raw, dict):
            return Hash({bound: Int() for bound in ("gt", "gte", "lt", "lte")}).read(raw, name)
        moment = Int().read(raw, name)
        return {"gte": moment, "lte": moment}


EXPAND: dict[str, Type] = {"expand": ListOf(Text())}
PAGE: dict[str, Type] = EXPAND | {
    "limit": Int(1, 100),
    "starting_after": Text(),
    "ending_before": Text(),
}


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nest form pairs: `a[b]=1` → `{"a": {"b": "1"}}`; `a[]=1` counts up `{"a": {"0": "1"}}`."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        match = KEY.match(key)
        if match is None:
            raise invalid(f"Invalid parameter name: {key}", param=key)
        path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        if len(path) > MAX_DEPTH:
            raise invalid("Parameters are nested too deeply", param=key)
        node = root
        for depth, part in enumerate(path):
            name = part or str(len(node))
            if depth == len(path) - 1:
                if isinstance(node.get(name), dict):
                    raise invalid(f"Invalid object: {key} was also given as a value", param=key)
                node[name] = value
            else:
                node = node.setdefault(name, {})
                if not isinstance(node, dict):
                    raise invalid(f"Invalid object: {key} was also given as a value", param=key)
    return root
