"""The /v3/templates routes: dynamic templates with versions, one of them active."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from deploy.local.sendgrid.errors import Fault, Refused
from deploy.local.sendgrid.handlebars import CannotRender, render

_VERSION_TEXTS = {"name": 100, "subject": 255, "html_content": 1_048_576, "plain_content": 1_048_576, "editor": 10,
                  "test_data": 1_048_576}  # fmt: skip


@dataclass
class Templates:
    """Every template, by id; `writes` counts the requests that changed one."""

    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: list[str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Serve a request to /v3/templates…; raises Refused."""
        with self.lock:
            match method, path:
                case "GET", []:
                    return 200, self._page(query)
                case "POST", []:
                    return 201, self._create(body)
                case "GET", [template_id]:
                    return 200, self._get(template_id)
                case "POST", [template_id, "versions"]:
                    return 201, self._add_version(template_id, body)
                case "PATCH", [template_id, "versions", version_id]:
                    return 200, self._change_version(template_id, version_id, body)
        raise Refused(405, Fault("method not allowed"))

    def active(self, template_id: str) -> dict[str, Any] | None:
        """Return the version that mails are made of."""
        versions = self.by_id.get(template_id, {}).get("versions", [])
        return next((version for version in versions if version["active"]), None)

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        size = query.get("page_size", "")
        if not size.isdigit() or not 1 <= int(size) <= 200:
            raise Refused(400, Fault("page_size must be from 1 to 200", "page_size"))
        if query.get("generations", "legacy") != "dynamic":
            return {"result": [], "_metadata": {"count": 0}}
        start = int(query.get("page_token", "0"))
        rows = list(self.by_id.values())
        more = {"next": f"?page_token={start + int(size)}"} if start + int(size) < len(rows) else {}
        shown = [row | {"versions": [_without_content(each) for each in row["versions"]]} for row in rows]
        return {"result": shown[start : start + int(size)], "_metadata": {"count": len(rows), **more}}

    def _get(self, template_id: str) -> dict[str, Any]:
        if template_id not in self.by_id:
            raise Refused(404, Fault("template not found"))
        return self.by_id[template_id]

    def _create(self, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or set(body) - {"name", "generation"} or not 0 < len(body.get("name", "")) <= 100:
            raise Refused(400, Fault("name must be a string of 1 to 100 characters", "name"))
        if body.get("generation", "legacy") not in {"legacy", "dynamic"}:
            raise Refused(400, Fault("generation is legacy or dynamic", "generation"))
        prefix = "d-" if body.get("generation") == "dynamic" else ""
        made = {"id": prefix + secrets.token_hex(16), "generation": "legacy", "versions": [], **body}
        self.by_id[made["id"]] = made
        self.writes += 1
        return made

    def _add_version(self, template_id: str, body: Any) -> dict[str, Any]:
        template = self._get(template_id)
        _check_version(body, required=("name", "subject"))
        version = {"id": secrets.token_hex(8), "template_id": template_id, "active": 0, **body}
        template["versions"].append(version)
        self._activate(template, version)
        return version

    def _change_version(self, template_id: str, version_id: str, body: Any) -> dict[str, Any]:
        template = self._get(template_id)
        found: list[dict[str, Any]] = [version for version in template["versions"] if version["id"] == version_id]
        if not found:
            raise Refused(404, Fault("version not found"))
        _check_version(body)
        found[0].update(body)
        self._activate(template, found[0])
        return found[0]

    def _activate(self, template: dict[str, Any], version: dict[str, Any]) -> None:
        self.writes += 1
        if version["active"]:
            for other in template["versions"]:
                other["active"] = int(other is version)


def _check_version(body: Any, *, required: tuple[str, ...] = ()) -> None:
    if not isinstance(body, dict):
        raise Refused(400, Fault("the body must be an object"))
    for name in set(required) - set(body):
        raise Refused(400, Fault(f"{name} is required", name))
    for name, value in body.items():
        if (name == "active" and value in (0, 1)) or (name == "generate_plain_content" and isinstance(value, bool)):
            continue
        if name not in _VERSION_TEXTS or not isinstance(value, str) or len(value) > _VERSION_TEXTS[name]:
            raise Refused(400, Fault(f"{name} is not a parameter, or not one of its values", name))
        if name in {"subject", "html_content", "plain_content"}:
            try:
                render(value, {})
            except CannotRender as error:
                raise Refused(400, Fault("the template cannot be read", name)) from error


def _without_content(version: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in version.items() if not name.endswith("_content") and name != "test_data"}
