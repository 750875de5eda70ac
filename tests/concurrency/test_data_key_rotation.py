"""Data keys are replaced while requests read and write what they encrypt."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

import pytest

from config.kernel import reencryption
from config.kernel.tenancy import organization_context
from licenses.models import License
from organizations.models import DataKey
from organizations.services import data_keys, key_rotation
from tests.api.issued import licensed
from tests.concurrency.together import at_once, on_its_own_connection
from tests.jobs import as_role

pytestmark = pytest.mark.usefixtures("db")


def meanwhile(work: Callable[[], None]) -> None:
    """Do this as the worker, over a connection of its own, before the test goes on."""

    def as_worker() -> None:
        with as_role("worker"):
            work()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(on_its_own_connection(as_worker)).result()


class TestRotationOfDataKeys:
    def test_is_noticed_by_nobody(self) -> None:
        """Requests show the licence's key all the while, and others write it, as its data key is replaced ten times."""
        made = licensed()
        organization_id, over = UUID(made.customer.organization_id), threading.Event()
        wrong: list[str] = []

        def read() -> None:
            while not over.is_set():
                with organization_context(organization_id):
                    data_keys.load()  # before the row, which may have been encrypted anew when it is read
                    row = License.objects.get()
                    if row.key != made.license_key:
                        wrong.append(row.key)

        def write() -> None:
            while not over.is_set():
                with organization_context(organization_id):
                    row = License.objects.select_for_update(no_key=True).get()
                    row.key = made.license_key
                    row.save(update_fields=["key"])

        works: list[Callable[[], None]] = [read, read, write, write]
        with ThreadPoolExecutor(len(works)) as pool:
            others = [pool.submit(on_its_own_connection(work)) for work in works]
            try:
                with as_role("worker"):
                    for _ in range(10):
                        key_rotation.begin_version(organization_id=organization_id)
                        key_rotation.reencrypt(organization_id=organization_id)
            finally:
                over.set()
        for other in others:
            other.result()
        assert wrong == []

    def test_is_caught_up_with_by_a_request_that_read_the_keys_before(self) -> None:
        made = licensed()
        organization_id = UUID(made.customer.organization_id)

        def rotate() -> None:
            key_rotation.begin_version(organization_id=organization_id)
            key_rotation.reencrypt(organization_id=organization_id)

        with organization_context(organization_id):
            assert data_keys.load().newest() == 1
            meanwhile(rotate)
            assert License.objects.get().key == made.license_key

    def test_loses_nothing_that_is_written_meanwhile(self) -> None:
        made = licensed()
        organization_id = UUID(made.customer.organization_id)

        def write(text: str) -> None:
            with organization_context(organization_id):
                row = License.objects.get()
                row.key = text
                row.save(update_fields=["key"])

        def anew(row: License, old: bytes) -> bytes:
            meanwhile(lambda: write("written meanwhile"))
            return data_keys.load().encrypt(field="license.key", row_id=row.pk, text=made.license_key)

        done = reencryption.reencrypt(
            License.objects.all, "key", newest=2, anew=anew, within=partial(organization_context, organization_id)
        )
        assert done == 0
        with organization_context(organization_id):
            assert License.objects.get().key == "written meanwhile"

    def test_by_several_at_once_gives_each_its_version(self) -> None:
        organization_id = UUID(licensed().customer.organization_id)
        at_once([lambda: key_rotation.begin_version(organization_id=organization_id)] * 4)
        with organization_context(organization_id):
            assert list(DataKey.objects.order_by("version").values_list("version", flat=True)) == [1, 2, 3, 4, 5]
