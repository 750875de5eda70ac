"""Holds JSON against the annotated classes of the stripe SDK, so that the stand-in cannot drift into fiction.

An unknown field, a missing required one, a wrong type or an enum value that Stripe does not list is a complaint.
"""

from __future__ import annotations

import ast
import inspect
import sys
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

from stripe._list_object import ListObject
from stripe._object_classes import get_object_class
from stripe._stripe_object import StripeObject, UntypedStripeObject

ANY_KEY = {UntypedStripeObject, dict}


def complaints(doc: Any) -> list[str]:
    """What is wrong with one JSON object of the API (a list, an event and a deleted stub included)."""
    if doc["object"] == "list":
        return [found for item in doc["data"] for found in complaints(item)]
    cls = get_object_class("V1", doc["object"])
    if cls is StripeObject:
        return [f"the SDK knows no object {doc['object']!r}"]
    found = list(_check_object(doc, cls, doc["object"]))
    if doc["object"] == "event":
        found += _check_event_data(doc)
    return found


def _check_event_data(event: Any) -> list[str]:
    data = event["data"]
    found = complaints(data["object"])
    cls: Any = get_object_class("V1", data["object"]["object"])
    known = _fields(cls)
    unknown = [name for name in data.get("previous_attributes", {}) if name not in known]
    return found + [f"{event['type']}: previous_attributes.{name} is no field of the object" for name in unknown]


def _check(value: Any, hint: Any, path: str) -> Iterator[str]:
    origin = get_origin(hint)
    if hint is Any:
        return
    if origin in (Union, types.UnionType):
        yield from _check_union(value, get_args(hint), path)
    elif origin is Literal:
        if value not in get_args(hint):
            yield f"{path}: {value!r} is none of Stripe's values"
    elif hint is Decimal:
        if not isinstance(value, str):
            yield f"{path}: decimals travel as strings, not {value!r}"
    elif origin is list:
        yield from _check_list(value, get_args(hint)[0], path)
    elif origin is ListObject:
        yield from _check_list_object(value, get_args(hint)[0], path)
    elif origin in ANY_KEY:
        yield from _check_map(value, get_args(hint)[-1], path)
    elif hint in (int, str, bool, float):
        if type(value) is not hint:
            yield f"{path}: {value!r} is no {hint.__name__}"
    elif hint is type(None):
        if value is not None:
            yield f"{path}: {value!r} is not null"
    elif inspect.isclass(hint):
        yield from _check_object(value, hint, path)
    else:
        yield f"{path}: the walk does not know {hint!r}"


def _check_union(value: Any, branches: tuple[Any, ...], path: str) -> Iterator[str]:
    # `Union[Literal[...], str]` is how the SDK keeps enums open; the stand-in has no business inventing values.
    if any(get_origin(branch) is Literal for branch in branches):
        branches = tuple(branch for branch in branches if branch is not str)
    if value is None:
        if type(None) not in branches:
            yield f"{path}: null is not allowed"
        return
    tried = [list(_check(value, branch, path)) for branch in branches if branch is not type(None)]
    if all(tried):
        yield from min(tried, key=len)


def _check_list(value: Any, item: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is no list"
        return
    for index, entry in enumerate(value):
        yield from _check(entry, item, f"{path}[{index}]")


def _check_list_object(value: Any, item: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict) or value.keys() != {"object", "data", "has_more", "url"}:
        yield f"{path}: is no list object"
        return
    yield from _check_list(value["data"], item, f"{path}.data")


def _check_map(value: Any, item: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    for key, entry in value.items():
        yield from _check(entry, item, f"{path}.{key}")


def _check_object(value: Any, cls: type, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    fields = _fields(cls)
    for name, entry in value.items():
        if name in fields:
            yield from _check(entry, fields[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: the SDK's {cls.__qualname__} has no such field"
    if value.get("deleted"):
        return
    for name, hint in fields.items():
        if name not in value and type(None) not in get_args(hint):
            yield f"{path}.{name}: is required and missing"


@cache
def _fields(cls: Any) -> dict[str, Any]:
    """The fields of an SDK class with their types, forward references resolved as a type checker would."""
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if "__annotations__" in vars(base) and base.__module__.startswith("stripe.") and base is not StripeObject:
            hints |= typing.get_type_hints(base, namespace(base.__module__), dict(vars(base)))
    return {
        name: hint
        for name, hint in hints.items()
        if not name.startswith("_") and get_origin(hint) is not ClassVar and name != "OBJECT_NAME"
    }


@cache
def namespace(module_name: str) -> dict[str, Any]:
    """The names of an SDK module, those imported under TYPE_CHECKING included."""
    module = sys.modules[module_name]
    names = dict(vars(module))
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            code = compile(ast.Module(body=node.body, type_ignores=[]), module_name, "exec")
            exec(code, names)  # noqa: S102 - imports of the SDK's own source, nothing else stands there
    return names
