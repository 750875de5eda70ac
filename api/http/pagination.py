"""Pages of lists: numbered ones, and cursors for history that only grows."""

from datetime import datetime, timedelta
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request


class Pagination(PageNumberPagination):
    """Pages of 50, or of `page_size` up to 200: `{"count", "next", "previous", "results"}`."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class CursorPages(CursorPagination):
    """Pages by time-ordered id, newest first, that do not shift while rows are added: no `count`, no page numbers."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return the cursor that the query names; raises NotFound for one that is none of ours."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                self.check_position(str(cursor.position))
            except ValueError:
                raise NotFound(self.invalid_cursor_message) from None
        return cursor

    def check_position(self, text: str) -> None:
        """Raise ValueError for what is no place in the order."""
        UUID(text)


class SessionPages(CursorPages):
    """The same by when sessions began: ids are made by pods, whose clocks decide nothing."""

    ordering = "-acquired_at"

    def check_position(self, text: str) -> None:
        """Raise ValueError for what is no moment in UTC."""
        if datetime.fromisoformat(text).utcoffset() != timedelta():
            raise ValueError("not in UTC")
