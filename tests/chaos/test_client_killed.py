"""A client killed on its machine: nobody tells us, and its seat is free one lease after its last heartbeat.

No worker runs here, so nothing tidies up. SEAT_LEASE_TEST=360 plays it with the lease of production; the suite's is
shorter.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.concurrency import history, seated_license
from tests.concurrency.seated_license import SeatedLicense, owner_connection
from tests.concurrency.together import wait_until
from tests.concurrency.web import Machine, Web

pytestmark = pytest.mark.usefixtures("db")

LEASE_SECONDS = int(os.environ.get("SEAT_LEASE_TEST", "4"))
BEATS_EVERY_SECONDS = 0.5
_CLIENT = Path(__file__).with_name("beating_client.py")
_FREE_AFTER = """
select extract(epoch from newcomer.acquired_at - dead.last_heartbeat_at)
from licenses_licensesession dead join licenses_licensesession newcomer using (license_id)
where dead.license_id = %s and dead.acquired_at < newcomer.acquired_at
"""


@pytest.fixture
def web() -> Iterator[Web]:
    """Return a web process whose leases are as long as this test's."""
    web = Web("short-lease-web", SEAT_LEASE_SECONDS=str(LEASE_SECONDS))
    web.start()
    yield web
    web.stop()


class TestKilledClient:
    def test_frees_its_seat_one_lease_after_its_last_heartbeat_to_the_second(self, web: Web) -> None:
        license_ = seated_license.issue(seats=1)
        client = subprocess.Popen([sys.executable, str(_CLIENT), web.url, license_.key, str(BEATS_EVERY_SECONDS)])
        newcomer = Machine(web, license_.key, "the-newcomer")
        try:
            wait_until(lambda: beats(license_) >= 3, seconds=30)
        finally:
            client.kill()
            client.wait()
        asked = 0
        while (answer := newcomer.acquire()).status_code == 429:
            asked += 1
            assert 1 <= int(answer.headers["Retry-After"]) <= LEASE_SECONDS
            time.sleep(0.05 if LEASE_SECONDS < 60 else 0.2)
        assert answer.status_code == 201
        assert asked > 5
        with owner_connection() as owner:
            ((free_after,),) = owner.execute(_FREE_AFTER, [license_.id]).fetchall()
        print(f"free {free_after} s after the last heartbeat of a client that was killed")  # noqa: T201
        assert LEASE_SECONDS <= float(str(free_after)) < LEASE_SECONDS + 1
        assert history.most_at_once(license_.id) == 1


def beats(license_: SeatedLicense) -> int:
    """Return how often the holder has beaten."""
    with owner_connection() as owner:
        row = owner.execute(
            "select coalesce(max(sequence), 1) - 1 from licenses_licensesession where license_id = %s", [license_.id]
        ).fetchone()
    assert row is not None
    return int(str(row[0]))
