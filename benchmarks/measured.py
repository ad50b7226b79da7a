"""What is measured: Descent's time beside another's, in turns, since a machine's speed varies from minute to minute."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

MILLISECOND = 1e-3
CLOSE = 3
"""How many times as often two are measured whose ratio is close to its goal, which a noisy machine would hide."""


@dataclass(frozen=True)
class Measured:
    """Descent and a peer at the same thing, in turns.

    Args:
        what: they did.
        peer: which it is.
        unit: of the values.
        ours: Descent's, one for each turn.
        theirs: the peer's.
        goal: what the median of the ratios, turn by turn, is to stay within, if it is to.
    """

    what: str
    peer: str
    unit: str
    ours: list[float]
    theirs: list[float]
    goal: float | None

    @property
    def ratios(self) -> list[float]:
        """Ours to theirs, turn by turn."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def is_met(self) -> bool:
        """Whether the goal is, if there is one."""
        return self.goal is None or statistics.median(self.ratios) <= self.goal

    def cells(self) -> list[str]:
        """A row of the table."""
        values = [spread(values) for values in (self.ours, self.theirs, self.ratios)]
        return [self.what, self.peer, self.unit, *values, str(len(self.ratios)), *self._verdict()]

    def _verdict(self) -> list[str]:
        if self.goal is None:
            return ["", ""]
        return [f"{self.goal:.3g}", "yes" if self.is_met else "no"]


def spread(values: list[float]) -> str:
    """Median and range."""
    middle = f"{statistics.median(values):.3g}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3g} to {max(values):.3g})"


def in_turns(turns: int, *measures: Callable[[], float]) -> list[list[float]]:
    """What each of the measures gave in each turn; every second turn goes through them backwards.

    So no side always comes first, on a cooler processor, or always finds the caches as the other left them.
    """
    columns: list[list[float]] = [[] for _ in measures]
    for turn in range(turns):
        pairs = list(zip(columns, measures, strict=True))
        for column, measure in reversed(pairs) if turn % 2 else pairs:
            column.append(measure())
    return columns
