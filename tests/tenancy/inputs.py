"""What each operation of the OpenAPI document takes, and whose things each input can name: by the input's own name."""

import re
from dataclasses import dataclass, field
from typing import Any

from config.kernel.ids import new_id
from tests.api.operations import document, properties
from tests.tenancy import rows
from tests.tenancy.world import World

NOBODYS_KEY = "CODITECT-0000-0000-0000-0000-0000"
ORGANIZATION_HEADER = "X-Organization"
# What an `id` in a path names, by the word before it; the words of an input's name find their table by themselves.
PATHS = {
    "/api/v1/licenses/sessions/{id}": "licenses_licensesession",
    "/api/v1/licenses/acquire": "licenses_licensesession",  # one to take over
    "/api/v1/licenses/heartbeat": "licenses_licensesession",
    "/api/v1/licenses/release": "licenses_licensesession",
    "/api/v1/auth/sessions/{id}": "users_session",
}
# Whoever shows one of these is its holder, and told what its holder is told, as the contract says: so much of it as
# are ids of the tables named here. That nothing else is told, and nothing is changed, holds for them as well.
SHOWN_TO_HOLDERS: dict[tuple[str, str], tuple[str, ...]] = {
    ("POST /api/v1/licenses/validate", "license_key"): ("licenses_license", "organizations_organization"),
    ("GET /api/v1/checkout/success", "session_id"): (),
    ("GET /api/v1/auth/verify-email", "token"): (),
    ("GET /api/v1/auth/verify-email/{token}", "token"): (),
    ("POST /api/v1/invitations/accept", "token"): (),
    # An address that has an account cannot sign up: `email_taken`.
    ("POST /api/v1/auth/register", "email"): (),
}
PLAIN = {"password": "Guessed-Horse-1", "new_password": "Guessed-Horse-2", "current_password": "Wrong-Horse-1",
         "plan_id": "pro", "hardware_id": "eve-machine-1", "role": "member"}  # fmt: skip
"""Values of inputs that name nothing of an organization's, where a word of their type would not do."""


@dataclass(frozen=True)
class Input:
    """One thing that an operation takes: `place` is path, query, header or body."""

    place: str
    name: str
    schema: Any = field(compare=False)
    required: bool = True


@dataclass(frozen=True)
class Operation:
    """One method of one path, and what it takes."""

    method: str
    path: str
    inputs: tuple[Input, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations() -> list[Operation]:
    """Return every operation of the document."""
    found = []
    for path, methods in document()["paths"].items():
        for method, spec in methods.items():
            content = spec.get("requestBody", {}).get("content", {}).get("application/json", {})
            inputs = [
                Input(one["in"], one["name"], one.get("schema", {}), one.get("required", False))
                for one in spec.get("parameters", [])
            ]
            inputs += [Input("body", name, schema) for name, schema in properties(content.get("schema", {})).items()]
            found.append(Operation(method.upper(), path, tuple(inputs)))
    return found


def belongings(operation: Operation, one: Input, world: World) -> list[str]:
    """Return what an input can name of an organization; nothing, if it does not name what organizations have.

    Raises LookupError for an id of which nobody has said whose it is.
    """
    known = {
        "organization": [world.organization_id, world.slug],
        "default_organization": [world.organization_id, world.slug],
        ORGANIZATION_HEADER: [world.organization_id, world.slug],
        "license_key": [world.license_key],
        "email": [world.owner.email, world.member.email],
        "user_id": [world.owner.user_id, world.member.user_id],
        "actor_id": [world.owner.user_id, world.member.user_id],
        "Idempotency-Key": [world.idempotency_key],
    }
    if one.name in known:
        return known[one.name]
    if operation.path.startswith("/api/v1/checkout") and one.name == "session_id":
        return [world.stripe_session]
    if one.name == "token":
        return [world.invitation_token if "invitations" in operation.path else world.verification_token]
    if not _is_id(one):
        return []
    tables = _tables(operation, one)
    if len(tables) == 1:
        return rows.ids(world).get(tables[0], [])
    if one.place != "query":
        raise LookupError(f"say in PATHS or PLAIN what {one.name} of {operation} names")
    return [named[0] for named in rows.ids(world).values() if named]  # a filter by whatever it may be


def own(operation: Operation, one: Input, world: World, number: int) -> Any:
    """Return a value of an organization's own for an input, or one that does for its type; texts are never the same."""
    if one.name == "signed_token":
        return world.signed_token
    if one.name in PLAIN:
        return PLAIN[one.name]
    if one.name == "email":
        return f"{world.name}-{number}@example.com"
    if not one.required:
        return None  # filters would hide what a list must not show
    mine = belongings(operation, one, world) if one.name != "token" else []
    return mine[0] if mine else _of_type(one.schema, f"{world.name} {number}")


def unknown(one: Input, like: str) -> str:
    """Return what is like a value, and nobody's."""
    if one.name == "license_key":
        return NOBODYS_KEY
    if "@" in like:
        return f"nobody-{new_id().hex}@example.com"
    if re.fullmatch("[0-9a-f-]{36}", like):
        return str(new_id())
    return "nobody-" + new_id().hex


def _is_id(one: Input) -> bool:
    named = one.name in {"id", "session_id"} or one.name.endswith("_id") or one.schema.get("format") == "uuid"
    return named and one.name not in PLAIN


def _tables(operation: Operation, one: Input) -> list[str]:
    """Return the table that an id is of: the one named after it, or after the word before it."""
    for start, table in PATHS.items():
        if operation.path.startswith(start):
            return [table]
    noun = one.name.removesuffix("_id") if one.name != "id" else _word_before(operation.path)
    return [table for table in document_tables() if table.partition("_")[2] == noun.replace("_", "")]


def document_tables() -> list[str]:
    """Return the tables that ids in the document may be of: those of organizations and people, and the price list."""
    return [*rows.tables(), "subscriptions_plan"]


def _word_before(path: str) -> str:
    """Return the word before a path's `{id}`, in the singular."""
    return path.partition("/{id}")[0].rpartition("/")[2].removesuffix("s")


def _of_type(schema: Any, text: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    values: dict[str, Any] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    if schema.get("format") == "date-time":
        return "2030-01-01T00:00:00Z"
    if schema.get("format") == "uri":
        return None
    kind = schema.get("type")
    return values.get(kind[0] if isinstance(kind, list) else kind, text)  # a list, where null is taken too
