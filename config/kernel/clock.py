"""The time, as the database tells it: many pods run at once, and none of their clocks is believed."""

from datetime import datetime

from django.db import connection


def now() -> datetime:
    """Return the database server's time at this moment (not the transaction's start), in UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
