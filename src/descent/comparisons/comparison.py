"""Runs compared: a table, pictures, and the best of them, in a folder."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from descent.comparisons import table
from descent.comparisons.pictures import pictures, save
from descent.comparisons.runs import Run, arranged, ended
from descent.tracking.record import RunRecord
from descent.tracking.sweep_record import RUNS


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to.

    Args:
        results: how many runs ended how.
        best: what the best run is called; None where all ran away, or are of several problems.
        metric: what runs are ranked by.
        value: the best run's.
    """

    results: Counter[str]
    best: str | None
    metric: str
    value: float

    @property
    def best_metrics(self) -> dict[str, float]:
        """The best run's metric, under a name of its own."""
        return {f"best/{self.metric}": self.value} if self.best else {}

    @property
    def told(self) -> str:
        """The best run's metric, in words."""
        return f"{self.metric} {self.value:.4g}"


def compare(title: str, records: Sequence[RunRecord], metric: str, direction: str, folder: Path) -> Comparison:
    """Compare the runs that have ended, into a folder.

    Args:
        title: of the pictures.
        records: of the runs.
        metric: what they are ranked by.
        direction: `minimize` or `maximize` it.
        folder: gets runs.csv and the pictures.
    """
    runs = ended(records)
    if not runs:
        return Comparison(Counter(), None, metric, math.nan)
    arrangement = arranged(runs)
    table.write(folder / RUNS, table.rows(arrangement))
    best = None
    if len({run.record.header.problem for run in runs}) == 1:  # else their losses have nothing in common
        save(pictures(title, arrangement), folder)
        best = _best(runs, metric, direction)
    results: Counter[str] = Counter(run.result for run in runs)
    if best is None:
        return Comparison(results, None, metric, math.nan)
    return Comparison(results, best.record.header.name, metric, best.metrics[metric])


def _best(runs: Sequence[Run], metric: str, direction: str) -> Run | None:
    """The best of those that have the metric and did not run away; None where there is none."""
    ranked = sorted(
        (run for run in runs if not run.ran_away and metric in run.metrics), key=lambda run: run.metrics[metric]
    )
    if not ranked:
        return None
    return ranked[-1] if direction == "maximize" else ranked[0]
