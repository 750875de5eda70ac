"""Makes licences whose machines hold their seats, and prints them as JSON: a process with Django.

`python -m tests.benchmarks.seated_clients LICENSES CLIENTS AWAY BEAT_SECONDS`. CLIENTS machines hold a seat, AWAY more
are known and hold none; a licence has a seat for each of its machines, so that none is ever rightly refused. What they
hold is what they would hold had they acquired and beaten all the time: open sessions in the record, leases in the gate,
tokens signed by the stack's key. Their leases run out evenly over the seconds of a beat, as those of many clients do.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import django

django.setup()

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from licenses.machines import hardware_hash
from licenses.models import Activation, LicenseSession
from licenses.seats import store, tokens
from licenses.seats.store import Lease
from licenses.seats.tokens import SeatClaims
from tests.benchmarks.traffic import SPARE_SECONDS
from tests.concurrency import seated_license
from tests.concurrency.seated_license import SeatedLicense


def make(licenses: int, clients: int, away: int, beat_seconds: float) -> list[dict[str, Any]]:
    """Return the machines in the order in which those with a seat beat next; a licence's are spread over all of it."""
    began = datetime.now(UTC)
    machines: list[dict[str, Any]] = []
    for number in range(licenses):
        mine = range(number, clients + away, licenses)
        license_ = seated_license.issue(seats=len(mine))
        lapses = {
            index: began + timedelta(seconds=SPARE_SECONDS + beat_seconds * index / clients)
            for index in mine
            if index < clients
        }
        machines += _seated(license_, mine, lapses)
    return sorted(machines, key=lambda machine: machine["index"])


def _seated(license_: SeatedLicense, mine: range, lapses: dict[int, datetime]) -> list[dict[str, Any]]:
    ids = {index: f"bench-client-{index:06}" for index in mine}
    of = {"organization_id": license_.organization_id, "license_id": license_.id}
    leases = {index: Lease(new_id(), 1, hardware_hash(ids[index]), at) for index, at in lapses.items()}
    with organization_context(license_.organization_id):
        Activation.objects.bulk_create(Activation(**of, hardware_hash=hardware_hash(ids[index])) for index in mine)
        LicenseSession.objects.bulk_create(
            LicenseSession(
                **of,
                id=lease.session_id,
                hardware_hash=lease.hardware_hash,
                acquired_at=datetime.now(UTC),
                last_heartbeat_at=datetime.now(UTC),
                expires_at=lease.expires_at,
            )
            for lease in leases.values()
        )
    if not store.load(license_id=license_.id, leases=list(leases.values())):
        raise RuntimeError("Redis does not answer")
    made: list[dict[str, Any]] = []
    for index in mine:
        machine: dict[str, Any] = {"index": index, "license_key": license_.key, "hardware_id": ids[index], "seat": None}
        if lease := leases.get(index):
            machine["seat"] = {"session_id": str(lease.session_id), "signed_token": _token(license_, lease)}
        made.append(machine)
    return made


def _token(license_: SeatedLicense, lease: Lease) -> str:
    claims = SeatClaims(lease.session_id, license_.id, license_.organization_id, lease_no=lease.lease_no, sequence=1)
    return tokens.issue(claims, expires_at=lease.expires_at, offline_until=lease.expires_at + tokens.OFFLINE_GRACE)


if __name__ == "__main__":
    licenses, clients, away, beat_seconds = sys.argv[1:]
    json.dump(make(int(licenses), int(clients), int(away), float(beat_seconds)), sys.stdout)
