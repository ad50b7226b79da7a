"""Ranks groups of runs that differ in their seed only, and says what may be concluded."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from descent.comparisons.differences import hidden_params
from descent.comparisons.grouping import EndedRun, GroupedRuns, SeedGroup, group_label
from descent.comparisons.statistics import (
    CONFIDENCE,
    IntervalKind,
    interquartile_mean,
    interval,
    interval_kind,
    p_value,
    probability_of_improvement,
)
from descent.records.criterion import Criterion

SELECTED_ON_TEST = "selected on the test set"
"""Said where the test set has decided what is the best, and cannot say how good it is."""
MAX_NAMES = 4
"""The most names in a line."""


@dataclass(frozen=True)
class RankedGroup:
    """A group of runs that differ in their seed only, with the final values of the metric that ranks it.

    Args:
        group: the runs.
        label: its name: what distinguishes it from the other groups; of a single run, the run's, if no other has it.
        criterion: the metric.
        finals: (seeds,), the values; infinitely bad of a run that diverged.
    """

    group: SeedGroup
    label: str
    criterion: Criterion
    finals: NDArray[np.float64]

    @cached_property
    def costs(self) -> NDArray[np.float64]:
        """The values times the sign of the criterion, (seeds,): the lower the better."""
        return self.criterion.sign * self.finals

    @cached_property
    def value(self) -> float:
        """The interquartile mean of the values."""
        return float(self.criterion.sign * interquartile_mean(self.costs))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        low, high = interval(self.finals)
        return float(low), float(high)

    @property
    def interval_kind(self) -> IntervalKind:
        """How the interval is computed."""
        return interval_kind(self.finals)

    @property
    def typical(self) -> EndedRun:
        """The run whose value is the nearest to the group's."""
        distances = np.abs(self.finals - self.value)
        return self.group.runs[int(np.nanargmin(distances))]

    def text(self) -> str:
        """The metric and its value, with the interval if there are several seeds."""
        value = f"{self.criterion.metric} {self.value:.4g}"
        if len(self.finals) == 1:
            return value
        low, high = self.interval
        kind = "the range" if self.interval_kind == "range" else f"{self.interval_kind} {CONFIDENCE:.0%} interval"
        return f"{value} ({low:.4g} to {high:.4g}, {kind} of {len(self.finals)} seeds)"


def rank_groups(grouped: GroupedRuns, criterion: Criterion) -> list[RankedGroup]:
    """The groups that have the metric or diverged, the best first; those of infinite value are the last."""
    ranked = [group for group in (_ranked(grouped, group, criterion) for group in grouped.groups) if group is not None]
    return sorted(ranked, key=lambda group: criterion.sign * group.value)


def _ranked(grouped: GroupedRuns, group: SeedGroup, criterion: Criterion) -> RankedGroup | None:
    """A group with its values of a metric; None if it has none."""
    runs = [run for run in group.runs if run.has(criterion)]
    if not runs:
        return None
    finals = np.array([run.final(criterion) for run in runs])
    name = runs[0].name
    is_named = len(group.runs) == 1 and sum(run.name == name for run in grouped.runs) == 1
    label = name if is_named else group_label(grouped, group)
    return RankedGroup(replace(group, runs=runs), label, criterion, finals)


def conclusions(grouped: GroupedRuns, ranked: Sequence[RankedGroup]) -> list[str]:
    """What may be concluded of the best group, in lines: its value, whether it is the best, and what speaks against."""
    if not ranked or not math.isfinite(ranked[0].value):
        return []
    best = ranked[0]
    return [
        f"best: {best.label}  {best.text()}{_on_test(grouped, best)}",
        *against_others(ranked),
        *_cautions(grouped, best),
    ]


def _on_test(grouped: GroupedRuns, best: RankedGroup) -> str:
    """What the best group reaches on the test set, which did not select it; or that it did."""
    if best.criterion.split != "validation":
        return f"; {SELECTED_ON_TEST}" if best.criterion.split == "test" else ""
    test = _ranked(grouped, best.group, best.criterion.on("test"))
    return "" if test is None else f"; {test.text()}"


def against_others(ranked: Sequence[RankedGroup]) -> Iterator[str]:
    """Whether the best group is better than the second."""
    if len(ranked) < 2 or len(ranked[0].finals) == len(ranked[1].finals) == 1:
        return
    best, second = ranked[:2]
    p = p_value(best.finals, second.finals)
    probability = probability_of_improvement(best.costs, second.costs)
    if p < 1 - CONFIDENCE:
        yield f"it beats {second.label} with probability {probability:.2g}, p = {p:.2g}"
        return
    seeds = " and ".join(dict.fromkeys(str(len(group.finals)) for group in (best, second)))
    reason = "" if math.isnan(p) else f", p = {p:.2g}"
    yield f"it is not separable from {second.label} with {seeds} seeds{reason}"


def _cautions(grouped: GroupedRuns, best: RankedGroup) -> Iterator[str]:
    """Where a conclusion could be wrong."""
    tried = {kind: [group.x for group in groups] for kind, groups in grouped.by_kind().items()}
    numbers = [x for x in tried[best.group.kind] if x is not None]
    if len(numbers) > 2 and best.group.x in (min(numbers), max(numbers)) and grouped.x_param is not None:
        end = "largest" if best.group.x == max(numbers) else "smallest"
        kind = f" with {best.group.kind}" if best.group.kind else ""
        yield f"caution: {grouped.x_param}={best.group.x:g} is the {end} tried{kind}; widen the range"
    counts = {kind: len(values) for kind, values in tried.items()}
    if len(set(counts.values())) > 1:
        least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        yield f"caution: {most} was tried at {counts[most]} settings, {least} at {counts[least]}; try as many of each"
    draws_random = any(run.params.get("data", "none") != "none" for run in best.group.runs)
    if len(best.finals) == 1 and draws_random:
        yield "caution: one seed only; seed=range(5) says how much is luck"
    hidden = hidden_params([run.params for run in grouped.runs])
    if hidden:
        yield f"caution: the experiments differ in {_enumerated(hidden)} as well"


def _enumerated(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:MAX_NAMES])
    return shown if len(names) <= MAX_NAMES else f"{shown} and {len(names) - MAX_NAMES} more"
