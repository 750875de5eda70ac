"""Our templates as SendGrid's dynamic ones: the same files, with Handlebars where Django would fill in.

Templates keep to `{{ name }}` and `{% if name %}…{% endif %}`, which both languages have.
"""

import re
from dataclasses import dataclass

from django.template import Context, Engine, Origin
from django.template.loaders.app_directories import Loader as AppLoader
from django.utils.safestring import mark_safe

from emails.catalogue import KINDS, EmailKind

_OPEN, _CLOSE = "{% templatetag openvariable %}", "{% templatetag closevariable %}"


class Loader(AppLoader):
    """Loads templates with each condition turned from Django's tag into the text of Handlebars'."""

    def get_contents(self, origin: Origin) -> str:
        """Return a template's source."""
        source = re.sub(r"{% if (\w+) %}", rf"{_OPEN}#if \1{_CLOSE}", super().get_contents(origin))
        return source.replace("{% endif %}", f"{_OPEN}/if{_CLOSE}")


@dataclass(frozen=True)
class DynamicTemplate:
    """A kind of mail as SendGrid keeps it."""

    subject: str
    text: str
    html: str


def translated(kind: EmailKind) -> DynamicTemplate:
    """Return the templates of a kind in Handlebars: escaped in HTML, as they are in subject and text."""
    engine = Engine(loaders=["emails.handlebars.Loader"])
    names = KINDS[kind].variables
    plain = Context({name: f"{{{{{{{name}}}}}}}" for name in names}, autoescape=False)
    escaped = Context({name: mark_safe(f"{{{{{name}}}}}") for name in names})  # noqa: S308  (names of ours)

    def made(file: str, context: Context) -> str:
        return str(engine.get_template(f"emails/{kind}/{file}").render(context)).strip()

    return DynamicTemplate(
        subject=" ".join(made("subject.txt", plain).split()),
        text=made("body.txt", plain) + "\n",
        html=made("body.html", escaped) + "\n",
    )
