"""How a process counts what it does, and what it tells Prometheus (docs/adr/0008-metrics.md).

Apps declare what they count on one page, `metrics.py`: counters and histograms, which belong to the process, and state,
which is asked of PostgreSQL when Prometheus asks us. A label takes its value from a list that is fixed in the code;
what is not in it counts as `other`. So no key, address or token can become a label, whatever a caller sends.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any, Generic, TypeVar

from django.db import Error as DatabaseError
from django.db import connections, transaction
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from config.kernel.tenancy import SYSTEM_ALIAS, system_context

logger = logging.getLogger(__name__)

# They are a second series beside each, which nothing here reads.
disable_created_metrics()

REGISTRY = CollectorRegistry()
"""All that this process tells; the library's own default registry is left alone."""
PREFIX = "coditect_"
OTHER = "other"
ANY_VALUE: tuple[str, ...] = ()
"""Stands for the values of a label that are not listed beforehand: routes, which are as many as the code has."""
MOST_SERIES = 2000
"""Of one metric, however many values its labels turn out to have; any more count as `other`."""

FRESH_SECONDS = 10.0
"""How long state is told again without being asked for."""
STATEMENT_MILLISECONDS = 1000
ASKING_SECONDS = 3.0
"""After that long no further question is begun; the parts that are left are told as not known."""

Metric = TypeVar("Metric", Counter, Histogram)
Row = tuple[Any, ...]


class Family(Generic[Metric]):
    """A metric with labels: each series is made once, and counting costs a look-up in a dict beside it."""

    def __init__(self, metric: Metric, values: Sequence[Sequence[str]]) -> None:
        self._metric: Metric = metric
        self._values = values
        self._children: dict[tuple[str, ...], Metric] = {}
        if all(values):
            # From the start, at zero: a rate can only be taken from a series that was there before the first event.
            for combination in product(*values):
                self._children[combination] = metric.labels(*combination)

    def of(self, *values: str) -> Metric:
        """Return the series of these values, in the order in which the labels were declared."""
        child = self._children.get(values)
        return self._late(values) if child is None else child

    def _late(self, values: tuple[str, ...]) -> Metric:
        known = tuple(
            value if not listed or value in listed else OTHER
            for value, listed in zip(values, self._values, strict=True)
        )
        if len(self._children) >= MOST_SERIES:
            known = (OTHER,) * len(known)
        if known not in self._children:
            self._children[known] = self._metric.labels(*known)
        return self._children[known]


def counter(name: str, about: str) -> Counter:
    """Declare a count of this process; Prometheus knows it as `coditect_NAME_total`."""
    return Counter(PREFIX + name, about, registry=REGISTRY)


def counters(name: str, about: str, **labels: Sequence[str]) -> Family[Counter]:
    """Declare a count with labels: each with the list of its values, or ANY_VALUE."""
    return Family(Counter(PREFIX + name, about, list(labels), registry=REGISTRY), list(labels.values()))


def gauge(name: str, about: str) -> Gauge:
    """Declare a value of this process that goes up and down."""
    return Gauge(PREFIX + name, about, registry=REGISTRY)


def histogram(name: str, about: str, *, buckets: Sequence[float]) -> Histogram:
    """Declare a distribution; `buckets` are upper bounds in the unit that the name ends with."""
    return Histogram(PREFIX + name, about, buckets=buckets, registry=REGISTRY)


def histograms(name: str, about: str, *, buckets: Sequence[float], **labels: Sequence[str]) -> Family[Histogram]:
    """Declare a distribution with labels, as `counters` does."""
    made = Histogram(PREFIX + name, about, list(labels), buckets=buckets, registry=REGISTRY)
    return Family(made, list(labels.values()))


def figure(name: str, about: str, rows: Iterable[Row], *labels: str) -> GaugeMetricFamily:
    """Return one metric of the state: each row is the values of its labels, then the number."""
    family = GaugeMetricFamily(PREFIX + name, about, labels=labels)
    for *values, number in rows:
        family.add_metric([str(value) for value in values], float(number))
    return family


def ask(statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """Return the rows of a statement through the system door, which stands open while state is asked for."""
    with connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


State = Callable[[], Iterable[GaugeMetricFamily]]
_parts: dict[str, State] = {}


def state(part: str) -> Callable[[State], State]:
    """Register what tells a part of the state in figures; it may `ask`, cheaply: each statement has one second."""

    def register(function: State) -> State:
        _parts[part] = function
        return function

    return register


class StateCollector(Collector):
    """Asks PostgreSQL for the state, in one transaction, at most every FRESH_SECONDS however many ask us.

    A part that cannot be told is left out and said to be down: a number that may be old is worse than none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: list[GaugeMetricFamily] = []
        self._told_until = 0.0

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing beforehand, so that being registered asks no database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the state."""
        with self._lock:
            if time.monotonic() >= self._told_until:
                self._told = _tell_state()
                self._told_until = time.monotonic() + FRESH_SECONDS
            yield from self._told

    def forget(self) -> None:
        """Ask anew the next time."""
        self._told_until = 0.0


def _tell_state() -> list[GaugeMetricFamily]:
    began = time.monotonic()
    told: list[GaugeMetricFamily] = []
    known = dict.fromkeys(_parts, 0)
    try:
        with system_context(reason="count for the metrics"):
            ask("select set_config('statement_timeout', %s, true)", [str(STATEMENT_MILLISECONDS)])
            for part, tell in _parts.items():
                if time.monotonic() - began > ASKING_SECONDS:
                    break
                try:
                    with transaction.atomic(using=SYSTEM_ALIAS):
                        told += list(tell())
                    known[part] = 1
                except DatabaseError as error:
                    logger.warning("the metrics of %s cannot be told: %s", part, error)
    except DatabaseError as error:
        logger.warning("the metrics of the state cannot be told: %s", error)
    told.append(figure("state_known", "1 where this part of the state could be asked for.", known.items(), "part"))
    took = time.monotonic() - began
    told.append(figure("state_seconds", "How long asking for the state took.", [(took,)]))
    return told


state_collector = StateCollector()
REGISTRY.register(state_collector)
