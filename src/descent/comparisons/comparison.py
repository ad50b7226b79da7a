"""Compares runs in a table and in pictures, and picks the best."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from descent.comparisons.grouping import EndedRun, ended_runs, group_runs
from descent.comparisons.table import table_rows, write_csv
from descent.records.run import CONFIG, RunRecord
from descent.records.sweep import BEST, RUNS, Status, SweepRecord, SweepState
from descent.render.stamp import drawing, is_current, stamp_of


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Args:
        results: how many runs ended with each result.
        best: the name of the best run; None if all diverged, or if the runs are of several problems.
        best_record: the id of its record.
        metric: the metric that ranks the runs.
        value: the best run's value of it.
        is_new: whether the table and the pictures were written anew.
    """

    results: Counter[str]
    best: str | None
    best_record: str | None
    metric: str
    value: float
    is_new: bool = True

    def state(self, status: Status, failed: int = 0) -> SweepState:
        """The state of a sweep with this result and this number of failed jobs."""
        counts = {f"runs/{result}": float(count) for result, count in self.results.items()}
        best = {f"{BEST}{self.metric}": self.value} if self.best else {}
        return SweepState(status, {**counts, "runs/failed": float(failed), **best}, self.best, self.best_record)

    @property
    def best_value(self) -> str:
        """The metric and its best value, as text."""
        return f"{self.metric} {self.value:.4g}"


def compare_sweep(sweep: SweepRecord) -> Comparison:
    """Compare the ended runs of a sweep by the objective of its configuration; write the files into its views."""
    objective = yaml.safe_load((sweep.files / CONFIG).read_text(encoding="utf-8"))["objective"]
    return compare_runs(sweep.header.name, sweep.runs(), objective["metric"], objective["direction"], sweep.views)


def compare_runs(title: str, records: Sequence[RunRecord], metric: str, direction: str, views: Path) -> Comparison:
    """Compare the runs that have ended, and write a table and pictures into a folder, unless they are up to date.

    Args:
        title: of the pictures.
        records: of the runs.
        metric: ranks the runs.
        direction: `minimize` or `maximize`.
        views: the folder for runs.csv and the pictures.
    """
    runs = ended_runs(records)
    if not runs:
        return Comparison(Counter(), None, None, metric, math.nan)
    are_comparable = len({run.record.header.problem for run in runs}) == 1  # losses of different problems are not
    is_new = _draw(title, runs, views, with_pictures=are_comparable)
    results: Counter[str] = Counter(run.result for run in runs)
    best = _best(runs, metric, direction) if are_comparable else None
    if best is None:
        return Comparison(results, None, None, metric, math.nan, is_new)
    header = best.record.header
    return Comparison(results, header.name, header.id, metric, best.metrics[metric], is_new)


def _draw(title: str, runs: Sequence[EndedRun], views: Path, *, with_pictures: bool) -> bool:
    """Write the table and the pictures of runs, unless they are up to date; return whether anything was written."""
    content = json.dumps([title, [run.record.header.id for run in runs]])
    stamp = stamp_of(f"runs {hashlib.sha256(content.encode()).hexdigest()}", "comparisons", "render")
    if is_current(views, stamp):
        return False
    grouped = group_runs(runs)
    with drawing(views, stamp) as folder:
        write_csv(folder / RUNS, table_rows(grouped))
        if with_pictures:
            from descent.comparisons.pictures import (  # SciPy takes a second to import
                comparison_pictures,
                save_pictures,
            )

            save_pictures(comparison_pictures(title, grouped), folder)
    return True


def _best(runs: Sequence[EndedRun], metric: str, direction: str) -> EndedRun | None:
    """The best run that has the metric and did not diverge, if any."""
    ranked = sorted(
        (run for run in runs if not run.diverged and metric in run.metrics), key=lambda run: run.metrics[metric]
    )
    if not ranked:
        return None
    return ranked[-1] if direction == "maximize" else ranked[0]
