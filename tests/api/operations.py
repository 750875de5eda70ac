"""Every operation of the API as the OpenAPI document names it, so that a new route is attacked without being listed."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

ANY_ID = "00000000-0000-7000-8000-000000000000"
ANY_KEY = "CODITECT-0000-0000-0000-0000-0000"
BY_SIGNATURE = ("/api/v1/webhooks/stripe", "/api/v1/subscriptions/webhook")
"""Routes that read the raw body themselves, whatever its type."""


@dataclass(frozen=True)
class Operation:
    """One method of one path, with the names of its body's and its query's fields."""

    method: str
    path: str
    fields: tuple[str, ...]
    query: tuple[str, ...]
    public: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def url(self, value: str | None = None, *, organization: str = ANY_ID) -> str:
        """Return the path with every parameter filled in: by `value`, or by an id or key that nobody has.

        `organization` stands for an organization in the path, so that what lies behind its door can be reached.
        """

        def fill(match: re.Match[str]) -> str:
            own = {"license_key": ANY_KEY, "organization": organization}
            return value or own.get(match[1], ANY_ID)

        return re.sub(r"\{(\w+)\}", fill, self.path)


def operations() -> list[Operation]:
    """Return every operation; read from the code, not from the committed file."""
    found = []
    for path, methods in document()["paths"].items():
        for method, spec in methods.items():
            content = spec.get("requestBody", {}).get("content", {}).get("application/json", {})
            parameters = spec.get("parameters", [])
            found.append(
                Operation(
                    method.upper(),
                    path,
                    tuple(properties(content.get("schema", {}))),
                    tuple(one["name"] for one in parameters if one["in"] == "query"),
                    public=not spec.get("security") or {} in spec["security"],
                )
            )
    return found


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def properties(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a body by name, each with its schema."""
    if "$ref" in body:
        body = document()["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]
    found: dict[str, Any] = body.get("properties", {})
    return found
