"""Compares runs in tables and in pictures, and says which group of them is the best, and how surely."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from descent.comparisons.grouping import ended_runs, group_runs
from descent.comparisons.ranking import conclusions, rank_groups
from descent.comparisons.table import group_rows, table_rows, write_csv
from descent.records.run import BEST, CONFIG, RunRecord
from descent.records.sweep import GROUPS, RUNS, Status, SweepRecord, SweepState
from descent.render.stamp import drawing, is_current, stamp_of


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Args:
        results: how many runs ended with each result.
        metric: the metric that ranks groups of runs that differ in their seed only.
        best: the name of the best group; None if all diverged, or if the runs are of several problems.
        best_record: the id of the record of its most typical run.
        value: the group's value of the metric.
        conclusions: what may be concluded, in lines.
        is_new: whether the tables and the pictures were written anew.
    """

    results: Counter[str]
    metric: str
    best: str | None = None
    best_record: str | None = None
    value: float = math.nan
    conclusions: tuple[str, ...] = ()
    is_new: bool = True

    def state(self, status: Status, failed: int = 0) -> SweepState:
        """The state of a sweep with this result and this number of failed jobs."""
        counts = {f"runs/{result}": float(count) for result, count in self.results.items()}
        best = {f"{BEST}{self.metric}": self.value} if self.best else {}
        metrics = {**counts, "runs/failed": float(failed), **best}
        return SweepState(status, metrics, self.best, self.best_record, conclusions=[*self.conclusions])


def compare_sweep(sweep: SweepRecord) -> Comparison:
    """Compare the ended runs of a sweep by the objective of its configuration; write the files into its views."""
    objective = yaml.safe_load((sweep.files / CONFIG).read_text(encoding="utf-8"))["objective"]
    return compare_runs(sweep.header.name, sweep.runs(), objective["metric"], objective["direction"], sweep.views)


def compare_runs(title: str, records: Sequence[RunRecord], metric: str, direction: str, views: Path) -> Comparison:
    """Compare the runs that have ended, and write tables and pictures into a folder, unless they are up to date.

    Args:
        title: of the pictures.
        records: of the runs.
        metric: ranks the groups.
        direction: `minimize` or `maximize`.
        views: the folder for runs.csv, groups.csv and the pictures.
    """
    runs = ended_runs(records)
    if not runs:
        return Comparison(Counter(), metric)
    are_comparable = len({run.record.header.problem for run in runs}) == 1  # losses of different problems are not
    grouped = group_runs(runs)
    ranked = rank_groups(grouped, metric, direction) if are_comparable else []
    content = json.dumps([title, metric, direction, [run.record.header.id for run in runs]])
    stamp = stamp_of(f"runs {hashlib.sha256(content.encode()).hexdigest()}", "comparisons", "render")
    is_new = not is_current(views, stamp)
    if is_new:
        with drawing(views, stamp) as folder:
            write_csv(folder / RUNS, table_rows(grouped))
            if are_comparable:
                from descent.comparisons.pictures import comparison_pictures, save_pictures  # Matplotlib takes a second

                write_csv(folder / GROUPS, group_rows(grouped, ranked, metric))
                save_pictures(comparison_pictures(title, grouped), folder)
    comparison = Comparison(Counter(run.result for run in runs), metric, is_new=is_new)
    if not ranked or not math.isfinite(ranked[0].value):
        return comparison
    best, lines = ranked[0], conclusions(grouped, ranked, metric)
    typical = best.typical.record.header.id
    return replace(comparison, best=best.label, best_record=typical, value=best.value, conclusions=tuple(lines))
