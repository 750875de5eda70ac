"""As much of Handlebars as our templates use: {{escaped}}, {{{as it is}}} and {{#if name}}…{{/if}}."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

_IF = re.compile(r"\{\{#if (\w+)\}\}(.*?)\{\{/if\}\}", re.DOTALL)
_NAME = re.compile(r"\{\{\{(\w+)\}\}\}|\{\{(\w+)\}\}")


class CannotRender(ValueError):
    """The template holds something else, or is not closed."""


def render(source: str, data: Mapping[str, object]) -> str:
    """Return the template filled with `data`; a missing variable leaves nothing, as at SendGrid."""
    chosen = _IF.sub(lambda found: found[2] if data.get(found[1]) else "", source)
    filled = _NAME.split(chosen)
    out = [filled[0]]
    for raw, escaped, text in zip(filled[1::3], filled[2::3], filled[3::3], strict=True):
        value = str(data.get(raw or escaped, ""))
        out += [value if raw else html.escape(value), text]
    if any("{{" in text or "}}" in text for text in filled[0::3]):
        raise CannotRender(source)
    return "".join(out)
