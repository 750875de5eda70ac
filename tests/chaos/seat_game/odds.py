"""How likely what is in a game."""

from dataclasses import dataclass, field
from itertools import accumulate


@dataclass(frozen=True)
class Odds:
    """Weights of the steps, calm and while a store is in trouble, and chances within a step."""

    licenses: int = 3
    machines: int = 5
    workers: int = 3
    steps: dict[str, tuple[float, float]] = field(
        default_factory=lambda: {
            "one": (92, 60),
            "several": (2.5, 15),
            "batch": (2, 4),
            "held": (1, 15),
            "overtaken": (0.2, 2),
            "limit_changes": (1.5, 1.5),
            "time_passes": (3, 3),
            "tidied": (0.2, 0.2),
            "fault": (0.25, 0.5),
        }
    )
    limits: tuple[int, ...] = (0, 1, 1, 2, 2, 2, 3, 3, 4)
    spans: tuple[float, ...] = (20, 100, 100, 200, 300, 400, 400, 3700)
    acquires: float = 0.2
    beats: float = 0.78
    late: float = 0.3
    takes_over: float = 0.08
    heard: float = 0.9
    eager: float = 0.5
    killed: float = 0.5

    @property
    def names(self) -> list[str]:
        """The steps, in the order of their weights."""
        return list(self.steps)

    @property
    def calm(self) -> list[float]:
        """The cumulated weights while the stores are well."""
        return list(accumulate(calm for calm, _ in self.steps.values()))

    @property
    def rough(self) -> list[float]:
        """The cumulated weights while Redis is in trouble, or has just been."""
        return list(accumulate(rough for _, rough in self.steps.values()))


def rough(machines: int = 3) -> Odds:
    """Return the odds of a game of one licence in which almost everything crosses something else."""
    return Odds(
        licenses=1,
        machines=machines,
        acquires=0.4,
        beats=0.6,
        late=0.6,
        steps={
            "one": (30, 30),
            "several": (15, 15),
            "batch": (4, 4),
            "held": (25, 25),
            "overtaken": (6, 6),
            "limit_changes": (3, 3),
            "time_passes": (5, 5),
            "tidied": (1, 1),
            "fault": (12, 2),
        },
    )
