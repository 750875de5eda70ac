"""The figures that are quoted: ratios within a round, medians over the rounds."""

from tests.benchmarks.measure import Effort, Measured, Sample
from tests.benchmarks.report import conditions, ratio, servers_table
from tests.benchmarks.servers import Server

FAST = Server("fast", 1, 4, ())
SLOW = Server("slow", 2, None, ())


def samples(*rates: float) -> list[Sample]:
    """Samples that differ in their rate only."""
    return [Sample(rate=rate, median=1.0, p99=9.0, cpu=None) for rate in rates]


class TestReport:
    def test_a_ratio_is_taken_within_each_round(self) -> None:
        # The neighbours halved the second round for both: the ratio must not see it.
        assert ratio(samples(100, 50, 110), samples(200, 100, 200)) == "0.50"

    def test_a_server_is_shown_by_median_and_range_beside_the_yardstick(self) -> None:
        measured = Measured({}, 0.1)
        for name in ("heartbeat", "empty_user"):
            measured.samples[FAST, name] = samples(400, 100, 200)
            measured.samples[SLOW, name] = samples(100, 25, 50)

        table = servers_table(measured, [FAST, SLOW], FAST)

        assert "| slow | 2 × – | 50 (25–100) | 0.25 | 9.0 | – |" in table
        assert "| fast | 1 × 4 | 200 (100–400) | 1.00 | 9.0 | – |" in table

    def test_says_how_much_of_a_core_the_load_used(self) -> None:
        assert "at most 12% of one" in conditions(Effort(1, 1.0, 0.1), Measured({}, 0.12))
