"""How soon groups of runs reach a target."""

import math

from descent.comparisons.grouping import GroupedRuns
from descent.comparisons.ranking import against_others, rank_groups
from descent.records.criterion import STEPS_TO_TARGET, Criterion, Target

STEPS = Criterion(STEPS_TO_TARGET, "minimize")


def target_conclusions(grouped: GroupedRuns, target: Target) -> list[str]:
    """Which group reaches a target the soonest, in lines, and how many runs reach it."""
    ranked, reached = rank_groups(grouped, STEPS), reached_conclusion(grouped, target)
    if not ranked or not math.isfinite(ranked[0].value):
        return [reached]
    return [f"{reached}; the soonest is {ranked[0].label}: {ranked[0].text()}", *against_others(ranked)]


def reached_conclusion(grouped: GroupedRuns, target: Target) -> str:
    """How many runs reach a target, in a line."""
    runs = grouped.runs
    arrivals = sum(math.isfinite(run.final(STEPS)) for run in runs)
    return f"target: {target.criterion.metric} {target.value:g} is reached by {arrivals:,} of {len(runs):,} runs"
