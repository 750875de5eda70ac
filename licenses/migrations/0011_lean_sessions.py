"""A beat rewrites a row of sessions; it is to touch no index by that, and to leave nothing behind in one."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations
from django.db.migrations import RunSQL


class Migration(migrations.Migration):
    atomic = False  # an index that goes concurrently stops no writer meanwhile
    dependencies = [("licenses", "0010_verbs_walls")]

    operations = [
        # Its column changed with each beat: a new entry in every index of the table, for each. A licence's open
        # sessions are found by one_open_session_a_machine, whose columns never change.
        RemoveIndexConcurrently(model_name="licensesession", name="open_session_by_expiry"),
        # Room for the next version of a row beside the last one.
        RunSQL(
            "ALTER TABLE licenses_licensesession SET (fillfactor = 70)",
            "ALTER TABLE licenses_licensesession RESET (fillfactor)",
        ),
    ]
