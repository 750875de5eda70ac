"""The base of every API view: plain methods, parsed input, evaluated output."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, DateTimeField, Field, Serializer, UUIDField
from rest_framework.validators import ProhibitSurrogateCharactersValidator
from rest_framework.viewsets import ViewSet

from api.http.pagination import CursorPages, Pagination
from api.http.rate_limits import check_general

FILTER_BACKENDS = (DjangoFilterBackend, SearchFilter, OrderingFilter)

Row = TypeVar("Row", bound=Model)


JSON, ANYTHING = "application/json", "*/*"
PLAINLY_JSON = frozenset({JSON, ANYTHING})
_JSON = JSONRenderer()

UUID_PATTERN = "[0-9a-fA-F-]{36}"


class ApiViewSet(ViewSet):
    """A view set without magic: each action parses, makes one call and shapes the answer."""

    filterset_class: Any = None
    # None named means none allowed; without this the framework looks for a serializer to guess them from, and fails.
    ordering_fields: Sequence[str] = ()
    generally_limited = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in, and count the request, unless the action has limits of its own."""
        super().initial(request, *args, **kwargs)
        if self.generally_limited and not hasattr(getattr(self, self.action or "", None), "rate_limits"):
            check_general(request)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Let nobody keep the answer: it is for its caller, and most name a person, a machine or a key."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        finished.headers.setdefault("Cache-Control", "no-store")
        return finished

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Return the renderer that the caller accepts; raises NotAcceptable.

        Nearly everybody asks for JSON by its plain name, or for anything, and needs nothing weighed.
        """
        if request.META.get("HTTP_ACCEPT", ANYTHING) in PLAINLY_JSON and self.renderer_classes[0] is JSONRenderer:
            return _JSON, JSON
        return super().perform_content_negotiation(request, force)

    def parse(self, serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
        """Return the validated body; raises ValidationError. Unknown fields are ignored."""
        try:
            return dict(_made(serializer).run_validation(request.data))
        except ValidationError:
            pass  # once more in the framework's own way, which knows how to word it
        parsed = serializer(data=request.data)
        parsed.is_valid(raise_exception=True)
        return dict(parsed.validated_data)

    def filtered(self, request: Request, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Return the rows that the query asks for, in the order that it asks for; raises ValidationError."""
        for backend in FILTER_BACKENDS:
            rows = backend().filter_queryset(request, rows, self)
        return rows

    def page(
        self,
        request: Request,
        rows: QuerySet[Row] | list[Any],
        shape: Any,
        *,
        pages: type[Pagination | CursorPages] = Pagination,
    ) -> Response:
        """Return one page of rows, filtered and ordered as the query asks; `shape` turns the page's rows into data.

        A list is short and told as it is: nothing of it is filtered here.

        Everything is evaluated here, inside the caller's organization context: a renderer runs after it.
        """
        if isinstance(rows, QuerySet):
            rows = self.filtered(request, rows)
        paginator = pages()
        page = paginator.paginate_queryset(rows, request, view=self)
        return paginator.get_paginated_response(shape(page or []))


def answer(data: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Return finished JSON: for what machines ask all the time, and a caller has agreed to be answered in.

    The bytes and headers are those of a Response with the same data, without the detour over a template's.
    """
    return HttpResponse(_JSON.render(data), status=status, content_type=JSON)


def no_content() -> HttpResponse:
    """Return 204, which has no content and so no type of it."""
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response


def shaped(serializer: type[Serializer[Any]], record: Any) -> dict[str, Any]:
    """Return what a serializer that keeps to shape and format makes of a record; what is missing is a mistake of ours.

    By a plan that is made once: walking through a serializer's fields costs a machine's answer a tenth of its time.
    """
    return _written(_plan(serializer), record)


Plan = list[tuple[str, list[str], Callable[[Any], Any]]]


def _written(plan: Plan, record: Any) -> dict[str, Any]:
    members = {}
    for name, path, write in plan:
        value = record
        for step in path:
            value = value[step] if isinstance(value, dict) else getattr(value, step)
        members[name] = None if value is None else write(value)
    return members


@cache
def _plan(serializer: type[Serializer[Any]]) -> Plan:
    """Return, of each field, its name, where its value is found and what writes it."""
    return [(name, field.source_attrs, _writer(field)) for name, field in _made(serializer).fields.items()]


def _writer(field: Field[Any, Any, Any, Any]) -> Callable[[Any], Any]:
    if isinstance(field, Serializer):
        return partial(_written, _plan(type(field)))
    plain: dict[type, Callable[[Any], Any]] = {UUIDField: str, DateTimeField: _moment}
    return plain.get(type(field), field.to_representation)


def _moment(value: datetime) -> str:
    """Return a moment as the framework writes it; nobody here sets another time zone."""
    return f"{value.astimezone(UTC).isoformat().removesuffix('+00:00')}Z"


@cache
def _made(serializer: type[Serializer[Any]]) -> Serializer[Any]:
    """Return the one instance of a serializer that is for everybody: making one copies all of its fields.

    Validating and representing leave nothing in it, so that any number of threads may.
    """
    made = serializer()
    for field in made.fields.values():
        if isinstance(field, CharField):
            # Halves of characters end in the parser (api/http/parsers.py); this looks at each character in Python.
            field.validators = [
                check for check in field.validators if not isinstance(check, ProhibitSurrogateCharactersValidator)
            ]
    return made


def uuid_in_path(text: str, missing: type[Exception] = Http404) -> UUID:
    """Return the id that a path names; raises `missing` for what only looks like one."""
    try:
        return UUID(text)
    except ValueError:
        raise missing from None
