"""Jobs live and die with the transaction that causes them, in the web as inside a worker."""

import logging
from contextlib import suppress

import pytest
from django.db import transaction
from procrastinate.contrib.django import app

from config.kernel import tasks
from config.kernel.ids import new_id
from tests.api.beneath import as_owner
from tests.jobs import as_role, run_jobs

pytestmark = pytest.mark.usefixtures("db")


class Undone(Exception):
    """Rolls a transaction back."""


def enqueue_and_undo() -> None:
    """Enqueue a job in a transaction that does not commit."""
    with suppress(Undone), transaction.atomic():
        tasks.enqueue("subscriptions.create_customer", organization_id=new_id())
        raise Undone


def jobs() -> int:
    """Return how many jobs there are, as anybody else sees it."""
    return int(
        as_owner("select count(*) from procrastinate_jobs where task_name = 'subscriptions.create_customer'")[0][0]
    )


class TestEnqueue:
    def test_is_undone_with_its_transaction(self) -> None:
        enqueue_and_undo()
        assert jobs() == 0

    def test_is_undone_with_its_transaction_inside_a_worker_too(self) -> None:
        with as_role("worker"), app.replace_connector(app.connector.get_worker_connector()):  # type: ignore[attr-defined]
            enqueue_and_undo()
            with transaction.atomic():
                tasks.enqueue("subscriptions.create_customer", organization_id=new_id())
                assert jobs() == 0, "nobody sees a job before its cause is committed"
            assert jobs() == 1

    def test_refuses_outside_of_a_transaction_and_an_unknown_name(self) -> None:
        with pytest.raises(RuntimeError):
            tasks.enqueue("subscriptions.create_customer", organization_id=new_id())
        with pytest.raises(LookupError), transaction.atomic():
            tasks.enqueue("subscriptions.no_such_job")


class TestFailure:
    def test_of_a_job_is_logged_with_its_traceback(self, caplog: pytest.LogCaptureFixture) -> None:
        with transaction.atomic():
            tasks.enqueue("licenses.apply_subscription", organization_id=new_id(), subscription_id=new_id())
        with caplog.at_level(logging.ERROR, logger="config.kernel.tasks"):
            run_jobs()
        (told,) = [record for record in caplog.records if record.name == "config.kernel.tasks"]
        assert told.exc_info is not None
