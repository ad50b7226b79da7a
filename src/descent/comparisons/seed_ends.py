"""How runs from more seeds ended: rates and interquartile means, each with its 95 % interval, and their pictures."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from descent.comparisons.statistics import CONFIDENCE, interquartile_mean, interval
from descent.records.damage import reading
from descent.records.folder import VIEWS
from descent.records.seeds import RUNS, SeedsRecord
from descent.render.histogram import histogram_picture
from descent.render.outcomes import outcomes_picture
from descent.render.stamp import new_views

DIVERGED = "diverged"
OUTCOMES, ENDS = "outcomes.png", "ends.png"
BARS, MANY_BARS = 20, 60
SHOWN = (0.005, 0.995)
"""The quantiles between which ends are shown."""
NO_METRICS = ("seed", "step", "result")
"""The columns of the table of runs that hold no metric."""


@dataclass(frozen=True)
class Share:
    """A share of runs, with Wilson's 95 % interval."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share itself, from 0 to 1."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of its interval."""
        ends = binomtest(self.count, self.total).proportion_ci(CONFIDENCE, method="wilson")
        return float(ends.low), float(ends.high)

    def __str__(self) -> str:
        low, high = (f"{100 * end:.3g} %" for end in self.interval)
        return f"{100 * self.value:.3g} % ({low} to {high}) of {self.total:,}"


@dataclass(frozen=True)
class SeedEnds:
    """The ends of runs from several seeds.

    Args:
        results: how each run ended.
        metrics: by name, the last value of each run's, nan where it has none.
    """

    results: list[str]
    metrics: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, record: SeedsRecord) -> Self:
        """Those of a record."""
        rows = record.runs()
        with reading(record.folder / RUNS):
            names = [name for name in rows[0] if name not in NO_METRICS]
            metrics = {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}
            return cls([row["result"] for row in rows], metrics)

    @property
    def shares(self) -> dict[str, Share]:
        """The share of each result, the most frequent first."""
        return {result: Share(count, len(self.results)) for result, count in Counter(self.results).most_common()}

    @cached_property
    def ends(self) -> dict[str, NDArray[np.float64]]:
        """The finite values of each metric of the runs that did not diverge, where there are any."""
        has_ended = np.array(self.results) != DIVERGED
        ends = {name: values[has_ended & np.isfinite(values)] for name, values in self.metrics.items()}
        return {name: values for name, values in ends.items() if len(values)}

    def lines(self) -> list[str]:
        """A line for each result and each metric."""
        lines = [f"{result} {share}" for result, share in self.shares.items()]
        for name, values in self.ends.items():
            low, high = interval(values)
            of = f"{len(values):,} that did not diverge" if DIVERGED in self.shares else f"{len(values):,}"
            lines.append(
                f"{name} {interquartile_mean(values):.4g} ({low:.4g} to {high:.4g}), interquartile mean of {of}"
            )
        return lines


def draw_seeds(record: SeedsRecord) -> None:
    """Draw the outcomes and where runs ended, in their position if it is one number, else in their first metric."""
    ends, name = SeedEnds.of(record), record.folder.name
    title = f"{name} from {len(ends.results):,} seeds"
    with new_views(record.folder / VIEWS) as drawn:
        shares = {result: (share.value, *share.interval) for result, share in ends.shares.items()}
        outcomes_picture(f"{title}: how they ended", shares, len(ends.results)).savefig(drawn / OUTCOMES)
        if ends.ends:
            metric = "x" if "x" in ends.ends and "y" not in ends.ends else next(iter(ends.ends))
            values = ends.ends[metric]
            notes = [f"without {ends.shares[DIVERGED].count:,} that diverged"] if DIVERGED in ends.shares else []
            marks = {"interquartile mean": float(interquartile_mean(values))}
            picture = histogram_picture(f"{title}: where they ended", metric, values, _edges(values), marks, notes)
            picture.savefig(drawn / ENDS)


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The edges of the bars of a histogram, which shows all values, or all of many but a few that are far off."""
    is_many = len(values) > 1 / SHOWN[0]
    low, high = np.quantile(values, SHOWN) if is_many else (values.min(), values.max())
    margin = 0.02 * (high - low) or 1e-3 * max(abs(low), 1.0)
    return np.linspace(low - margin, high + margin, (MANY_BARS if is_many else BARS) + 1)
