"""What is counted about seats and licences; never by licence, machine or person."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily

from config.kernel import metrics
from config.kernel.errors import DependencyUnavailable, DomainError
from config.kernel.metrics import Family, figure
from licenses import errors

UNUSABLE = [error.code for error in (errors.LicenseExpired, errors.LicenseSuspended, errors.LicenseInactive)]
FAULTS = [DependencyUnavailable.code, "failed"]
"""Outcomes that are ours, not the caller's."""
ACQUIRES = [
    "granted",
    "returned",
    "full_at_gate",
    "full_at_record",
    errors.LicenseKeyMalformed.code,
    errors.HardwareIdInvalid.code,
    errors.LicenseNotFound.code,
    errors.AuthenticationRequired.code,
    errors.ActivationRequired.code,
    errors.ActivationLimitReached.code,
    errors.HardwareSignalsInvalid.code,
    errors.MachineMismatch.code,
    errors.SessionNotFound.code,
    *UNUSABLE,
    *FAULTS,
]
BEATS = [
    "renewed",
    errors.SessionNotFound.code,
    errors.SessionExpired.code,
    errors.SessionTakenOver.code,
    errors.TokenMismatch.code,
    errors.TokenSuperseded.code,
    *UNUSABLE,
    *FAULTS,
]
RELEASES = ["released", errors.SessionNotFound.code, errors.TokenMismatch.code, *FAULTS]
SCRIPTS = ["acquire_seat", "refresh_heartbeat", "release_seat", "load_leases"]

acquires = metrics.counters("seat_acquires", "Answers to machines that asked for a seat.", outcome=ACQUIRES)
beats = metrics.counters("seat_beats", "Answers to heartbeats.", outcome=BEATS)
releases = metrics.counters("seat_releases", "Answers to releases; repeated ones too.", outcome=RELEASES)
degraded = metrics.counters("seat_degraded", "Seats granted or renewed without Redis.", operation=["acquire", "beat"])
script_seconds = metrics.histograms(
    "seat_script_seconds",
    "How long Redis took to answer a script of the gate, the way there and back included.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    script=SCRIPTS,
)
beat_batch_size = metrics.histogram(
    "seat_beat_batch_size", "Heartbeats renewed by one statement.", buckets=(1, 2, 4, 8, 16, 32, 64, 128)
)
lease_expiries = metrics.counter("seat_lease_expiries", "Leases that ran out and were written into the history.")

# Told apart where they are raised: to the caller both are the same.
full_at_gate, full_at_record = acquires.of("full_at_gate"), acquires.of("full_at_record")

P = ParamSpec("P")
R = TypeVar("R")


def counted(family: Family[Counter], of: Callable[[Any], Counter]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Count each call by its outcome: `of` the result, or the code of the failure."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                result = function(*args, **kwargs)
            except errors.NoSeatsAvailable:
                raise
            except DomainError as error:
                family.of(error.code).inc()
                raise
            except BaseException:
                family.of("failed").inc()
                raise
            of(result).inc()
            return result

        return run

    return decorate


_granted, _returned, _renewed = acquires.of("granted"), acquires.of("returned"), beats.of("renewed")
_released, _degraded_acquire, _degraded_beat = releases.of("released"), degraded.of("acquire"), degraded.of("beat")


def _acquired(result: Any) -> Counter:
    if result.seat.degraded:
        _degraded_acquire.inc()
    return _granted if result.is_new else _returned


def _beaten(seat: Any) -> Counter:
    if seat.degraded:
        _degraded_beat.inc()
    return _renewed


counted_acquire = counted(acquires, _acquired)
counted_beat = counted(beats, _beaten)
counted_release = counted(releases, lambda _: _released)

_LEASED = """
select l.tier, count(*) from licenses_licensesession s join licenses_license l on l.id = s.license_id
where s.ended_at is null and s.expires_at > clock_timestamp() group by 1 limit 100
"""
_LICENSES = """
select tier, status, count(*),
  coalesce(sum(max_seats + overage_seats + max_seats * overage_percent / 100) filter (where case status
    when 'active' then expires_at is null or expires_at > clock_timestamp()
    when 'suspended' then grace_period_ends_at > clock_timestamp() end), 0)
from licenses_license group by 1, 2 limit 300
"""


@metrics.state("seats")
def _state() -> Iterable[GaugeMetricFamily]:
    licenses = metrics.ask(_LICENSES)
    limits = {tier: 0 for tier, *_ in licenses}
    for tier, _, _, seats in licenses:
        limits[tier] += seats
    leased = dict.fromkeys(limits, 0) | dict(metrics.ask(_LEASED))
    yield figure("seats_leased", "Seats leased at this moment.", leased.items(), "tier")
    yield figure("seats_limit", "Seats of the licences that may be used at this moment.", limits.items(), "tier")
    yield figure("licenses", "Licences.", [row[:3] for row in licenses], "tier", "status")
