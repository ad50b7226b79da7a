"""Compares runs in tables and in pictures, and says which group of them is the best, and how surely."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from descent.comparisons.budgets import budget_conclusions, sensitivity_rows, trials_of
from descent.comparisons.grouping import EndedRun, ended_runs, group_runs, runs_of_outcomes
from descent.comparisons.ranking import SELECTED_ON_TEST, conclusions, rank_groups
from descent.comparisons.table import group_rows, table_rows, write_csv
from descent.comparisons.targets import STEPS, reached_conclusion, target_conclusions
from descent.errors import printable
from descent.records.criterion import TRAIN_LOSS, Criterion, Target
from descent.records.run import BEST
from descent.records.sweep import GROUPS, RUNS, SENSITIVITY, Status, SweepRecord, SweepState
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
    """Compare the ended runs of a sweep by the objective of its configuration; write the files into its views.

    Runs that end at a target are compared by how soon they do.
    """
    objective, target = sweep.objective(), sweep.target()
    if target is not None and sweep.stops_at_target():
        objective = STEPS
    outcomes = sweep.outcomes()
    if outcomes is None:
        runs = ended_runs(sweep.runs(), target)
        return compare_runs(sweep.header.name, runs, objective, sweep.views, target, is_search=sweep.is_search())
    runs = runs_of_outcomes(outcomes, sweep.header.problem)
    comparison = compare_runs(sweep.header.name, runs, objective, sweep.views, target)
    with_record = (job.record for job in sweep.jobs() if job.name == comparison.best)
    return replace(comparison, best_record=next(with_record, None))


def compare_runs(
    title: str,
    runs: Sequence[EndedRun],
    objective: Criterion,
    views: Path,
    target: Target | None = None,
    *,
    is_search: bool = False,
) -> Comparison:
    """Compare runs that have ended, and write tables and pictures into a folder, unless they are up to date.

    Args:
        title: of the pictures.
        runs: to compare; with their steps to a target, if there is one.
        objective: ranks groups of runs; if no run has its metric, the loss in training does.
        views: the folder for the tables and the pictures.
        target: what the runs are to reach.
        is_search: whether they are the trials of a search, in their order.
    """
    if not runs:
        return Comparison(Counter(), objective.metric)
    title, grouped = printable(title), group_runs(runs)
    ended = grouped.without_stopped()
    # Losses of different problems can't be compared.
    are_comparable = len({run.problem for run in runs}) == 1 and len(ended.groups) > 0
    has_objective = any(objective.metric in run.metrics for run in runs)
    criterion = objective if has_objective else Criterion(TRAIN_LOSS, "minimize")
    ranked = rank_groups(ended, criterion) if are_comparable else []
    if criterion.split == "test":
        title = f"{title}; {SELECTED_ON_TEST}"
    trials = trials_of(ended, ranked)
    content = json.dumps([title, asdict(objective), target and asdict(target), [run.id for run in runs]])
    stamp = stamp_of(f"runs {hashlib.sha256(content.encode()).hexdigest()}", "comparisons", "render")
    is_new = not is_current(views, stamp)
    if is_new:
        with drawing(views, stamp) as folder:
            write_csv(folder / RUNS, table_rows(grouped))
            if are_comparable:
                from descent.comparisons.pictures import comparison_pictures, save_pictures  # Matplotlib takes a second
                from descent.comparisons.search_pictures import search_pictures
                from descent.comparisons.tuning_pictures import budget_pictures, target_pictures

                write_csv(folder / GROUPS, group_rows(ended, ranked))
                if rows := sensitivity_rows(ended, ranked):
                    write_csv(folder / SENSITIVITY, rows)
                pictures = comparison_pictures(title, ended, objective) | budget_pictures(title, trials)
                pictures |= target_pictures(title, ended, target) if target else {}
                save_pictures(pictures | (search_pictures(title, runs, criterion) if is_search else {}), folder)
    comparison = Comparison(Counter(run.result for run in runs), criterion.metric, is_new=is_new)
    if not ranked or not math.isfinite(ranked[0].value):
        return comparison
    best, lines = ranked[0], [*conclusions(grouped, ranked), *budget_conclusions(trials)]
    if target is not None:
        lines += [reached_conclusion(ended, target)] if criterion == STEPS else target_conclusions(ended, target)
    if not has_objective:
        lines.append(f"caution: no run has {objective.metric}, and {criterion.metric} ranks them")
    typical = best.typical.id
    return replace(comparison, best=best.label, best_record=typical, value=best.value, conclusions=tuple(lines))
