"""Runs compared: a table, pictures, and the best of them, in a folder."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from descent.compare import table
from descent.compare.runs import Run, ended, group_runs
from descent.records.run import CONFIG, RunRecord
from descent.records.sweep import BEST, RUNS, State, Status, SweepRecord
from descent.render.stamp import drawing, is_current, stamp_of


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to.

    Args:
        results: how many runs ended how.
        best: what the best run is called; None where all diverged, or are of several problems.
        best_record: the id of its record.
        metric: what runs are ranked by.
        value: the best run's.
        is_new: whether its table and its pictures are new.
    """

    results: Counter[str]
    best: str | None
    best_record: str | None
    metric: str
    value: float
    is_new: bool = True

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
    """Compare the runs that have ended: a table and pictures in a folder of views, unless they are there.

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
    are_comparable = len({run.record.header.problem for run in runs}) == 1  # else their losses have nothing in common
    is_new = _draw(title, runs, views, with_pictures=are_comparable)
    results: Counter[str] = Counter(run.result for run in runs)
    best = _best(runs, metric, direction) if are_comparable else None
    if best is None:
        return Comparison(results, None, None, metric, math.nan, is_new)
    header = best.record.header
    return Comparison(results, header.name, header.id, metric, best.metrics[metric], is_new)


def _draw(title: str, runs: Sequence[Run], views: Path, *, with_pictures: bool) -> bool:
    """Write the table and the pictures of runs, unless they are up to date; whether there was something to write."""
    shown = json.dumps([title, [run.record.header.id for run in runs]])
    stamp = stamp_of(f"runs {hashlib.sha256(shown.encode()).hexdigest()}", "compare", "render")
    if is_current(views, stamp):
        return False
    grouped = group_runs(runs)
    with drawing(views, stamp) as folder:
        table.write(folder / RUNS, table.rows(grouped))
        if with_pictures:
            from descent.compare.pictures import pictures, save  # SciPy and Matplotlib take a second to import

            save(pictures(title, grouped), folder)
    return True


def _best(runs: Sequence[Run], metric: str, direction: str) -> Run | None:
    """The best of those that have the metric and did not diverge; None where there is none."""
    ranked = sorted(
        (run for run in runs if not run.diverged and metric in run.metrics), key=lambda run: run.metrics[metric]
    )
    if not ranked:
        return None
    return ranked[-1] if direction == "maximize" else ranked[0]
