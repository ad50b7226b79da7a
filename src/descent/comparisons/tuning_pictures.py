"""The pictures of how soon runs reach a target, and of the best of a number of settings."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from descent.comparisons.budgets import FEWEST, Trials, best_quantile, expected_best
from descent.comparisons.grouping import GroupedRuns, SeedGroup, group_label
from descent.comparisons.pictures import seeds_line
from descent.comparisons.statistics import interquartile_mean, interval
from descent.comparisons.targets import STEPS
from descent.records.criterion import Target
from descent.render.budget import BudgetLine, budget_picture
from descent.render.rates import RateLine, rates_picture
from descent.render.shares import ShareLine, shares_picture
from descent.render.style import hues

MAX_LINES = 12
"""The most groups that have a line each; of more, each kind has one."""
MIDDLE = (0.25, 0.75)
"""The band of a budget's line: half of all choices of so many settings have a best value in it."""


def target_pictures(title: str, grouped: GroupedRuns, target: Target) -> dict[str, Figure]:
    """The steps to a target against the learning rate, and the share of the runs that are there by each step."""
    title = f"{title}\nto {target.criterion.metric} {target.value:g}"
    with_seeds = f"{title}; {seeds_line(grouped, 'bars')}"
    kinds = grouped.by_kind()
    lines = [replace(_line(kind, kinds[kind]), colour=hue) for kind, hue in hues(kinds).items()]
    return {
        "target": rates_picture(with_seeds, grouped.x_param or "", {"steps to the target": lines}, "missed"),
        "reached": shares_picture(title, "step", "share of the runs that reached the target", _shares(grouped)),
    }


def _line(kind: str, groups: Sequence[SeedGroup]) -> RateLine:
    steps = [np.array([run.final(STEPS) for run in group.runs]) for group in groups]
    low, high = zip(*map(interval, steps), strict=True)
    return RateLine(
        label=kind,
        x=np.array([group.x or 0.0 for group in groups]),
        y=np.array([interquartile_mean(values) for values in steps]),
        low=np.array(low),
        high=np.array(high),
        missing=[int(np.isinf(values).sum()) for values in steps],
        total=[len(values) for values in steps],
    )


def _shares(grouped: GroupedRuns) -> list[ShareLine]:
    """A line for each group, or for each kind where there are too many groups."""
    if len(grouped.groups) <= MAX_LINES:
        lines = {group_label(grouped, group): [group] for group in grouped.groups}
    else:
        lines = grouped.by_kind()
    end = max(run.steps for run in grouped.runs)
    return [
        ShareLine(label, np.array([run.final(STEPS) for group in groups for run in group.runs]), end)
        for label, groups in lines.items()
    ]


def budget_pictures(title: str, trials: Sequence[Trials]) -> dict[str, Figure]:
    """The expected best of a number of trials; none where no kind was tried at three settings or more."""
    several = [of_kind for of_kind in trials if len(of_kind.ranked) >= FEWEST]
    if not several:
        return {}
    criterion = several[0].ranked[0].criterion
    lines = [_budget_line(of_kind, criterion.sign) for of_kind in several]
    seeds = sorted({len(group.finals) for of_kind in several for group in of_kind.ranked})
    counts = " to ".join(dict.fromkeys(map(str, (seeds[0], seeds[-1]))))
    of_seeds = "one seed" if seeds[-1] == 1 else f"{counts} seeds"
    line = f"lines: the mean over all choices of so many settings ({of_seeds});\nbands: the middle half of them"
    return {"budget": budget_picture(f"{title}\n{line}", f"best {criterion.metric}", lines)}


def _budget_line(trials: Trials, sign: int) -> BudgetLine:
    low, high = (best_quantile(trials.costs, level) for level in MIDDLE)
    return BudgetLine(trials.kind, sign * expected_best(trials.costs), sign * low, sign * high)
