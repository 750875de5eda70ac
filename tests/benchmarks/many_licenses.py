"""Makes a thousand licences, each of an organization of its own, and prints their keys as JSON: a process with Django.

`python -m tests.benchmarks.many_licenses N CONNECTIONS`. The machines that will ask for seats are bound to them, so
that what is measured is taking a seat and not the first meeting of a machine and a licence.
"""

import json
import sys

import django

django.setup()

from config.kernel.tenancy import organization_context
from licenses.machines import hardware_hash
from licenses.models import Activation
from tests.benchmarks.scenarios import machine
from tests.concurrency import seated_license


def make(count: int, connections: int) -> list[str]:
    """Return the keys. The first licence is the hot one: it has a seat for every connection, and knows all of them."""
    keys = []
    for number in range(count):
        license_ = seated_license.issue(seats=1_000 if number == 0 else 5)
        known = range(connections) if number == 0 else [number % connections]
        with organization_context(license_.organization_id):
            Activation.objects.bulk_create(
                Activation(
                    organization_id=license_.organization_id,
                    license_id=license_.id,
                    hardware_hash=hardware_hash(machine(index)),
                )
                for index in known
            )
        keys.append(license_.key)
    return keys


if __name__ == "__main__":
    sys.stdout.write(json.dumps(make(int(sys.argv[1]), int(sys.argv[2]))))
