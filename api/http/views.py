"""The base of every API view: plain methods, parsed input, evaluated output."""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import ViewSet

from api.http.pagination import CursorPages, Pagination
from api.http.rate_limits import check_general

FILTER_BACKENDS = (DjangoFilterBackend, SearchFilter, OrderingFilter)

Row = TypeVar("Row", bound=Model)


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


def shaped(serializer: type[Serializer[Any]], record: Any) -> dict[str, Any]:
    """Return what a serializer that keeps to shape and format makes of a record."""
    return dict(_made(serializer).to_representation(record))


@cache
def _made(serializer: type[Serializer[Any]]) -> Serializer[Any]:
    """Return the one instance of a serializer that is for everybody: making one copies all of its fields.

    Validating and representing leave nothing in it, so that any number of threads may.
    """
    return serializer()


def uuid_in_path(text: str) -> UUID:
    """Return the id that a path names; raises Http404 for what only looks like one."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
