"""Runs compared: a table, pictures, and the best of them, in a folder."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from descent.compare import table
from descent.compare.pictures import pictures, save
from descent.compare.runs import Run, ended, group_runs
from descent.records.run import CONFIG, RunRecord
from descent.records.sweep import BEST, RUNS, State, Status, SweepRecord


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to.

    Args:
        results: how many runs ended how.
        best: what the best run is called; None where all diverged, or are of several problems.
        best_record: the id of its record.
        metric: what runs are ranked by.
        value: the best run's.
    """

    results: Counter[str]
    best: str | None
    best_record: str | None
    metric: str
    value: float

    def state(self, status: Status, failed: int = 0) -> State:
        """How a sweep stands that came to this, `failed` of its jobs having failed."""
        counts = {f"runs/{result}": float(count) for result, count in self.results.items()}
        best = {f"{BEST}{self.metric}": self.value} if self.best else {}
        return State(status, {**counts, "runs/failed": float(failed), **best}, self.best, self.best_record)

    @property
    def best_value(self) -> str:
        """The best run's metric, in words."""
        return f"{self.metric} {self.value:.4g}"


def compare_sweep(sweep: SweepRecord) -> Comparison:
    """Compare the runs of a sweep that have ended, by the objective of its configuration, into its views."""
    objective = yaml.safe_load((sweep.files / CONFIG).read_text(encoding="utf-8"))["objective"]
    return compare(sweep.header.name, sweep.runs(), objective["metric"], objective["direction"], sweep.views)


def compare(title: str, records: Sequence[RunRecord], metric: str, direction: str, views: Path) -> Comparison:
    """Compare the runs that have ended: a table and pictures in a folder of views.

    Args:
        title: of the pictures.
        records: of the runs.
        metric: what they are ranked by.
        direction: `minimize` or `maximize` it.
        views: gets runs.csv and the pictures.
    """
    runs = ended(records)
    if not runs:
        return Comparison(Counter(), None, None, metric, math.nan)
    grouped = group_runs(runs)
    views.mkdir(exist_ok=True)
    table.write(views / RUNS, table.rows(grouped))
    best = None
    if len({run.record.header.problem for run in runs}) == 1:  # else their losses have nothing in common
        save(pictures(title, grouped), views)
        best = _best(runs, metric, direction)
    results: Counter[str] = Counter(run.result for run in runs)
    if best is None:
        return Comparison(results, None, None, metric, math.nan)
    header = best.record.header
    return Comparison(results, header.name, header.id, metric, best.metrics[metric])


def _best(runs: Sequence[Run], metric: str, direction: str) -> Run | None:
    """The best of those that have the metric and did not diverge; None where there is none."""
    ranked = sorted(
        (run for run in runs if not run.diverged and metric in run.metrics), key=lambda run: run.metrics[metric]
    )
    if not ranked:
        return None
    return ranked[-1] if direction == "maximize" else ranked[0]
