"""Reads ended runs from their records, and groups them by everything except the seed.

Runs of equal parameters can be of different code: of a module of the user's before and after an edit, or of two
versions of a package. Where they are, the code is among their parameters.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from descent.comparisons.differences import differing_params
from descent.errors import printable
from descent.records.criterion import STEPS_TO_TARGET, Criterion, Target
from descent.records.header import Result
from descent.records.label import RATE, SEED, number, run_label
from descent.records.outcomes import Outcome
from descent.records.run import EVALUATIONS, RunRecord

CODE = "code."
"""What the names of modules and packages begin with, as parameters."""
DIGEST_LENGTH = 7
"""Of the digests of modules, as parameters."""


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended.

    Args:
        id: of its record, or of its row among the runs of a benchmark.
        name: of it.
        problem: the name of what it minimised.
        params: its parameters, flat, with the code that differs between the runs that have it.
        result: how it ended.
        steps: the number of steps it took.
        metrics: its final metrics.
        record: its record; None for a run of a benchmark that has none of its own.
    """

    id: str
    name: str
    problem: str
    params: Mapping[str, str]
    result: Result
    steps: int
    metrics: Mapping[str, float]
    record: RunRecord | None = None

    @property
    def diverged(self) -> bool:
        """Whether it diverged."""
        return self.result == "diverged"

    def has(self, criterion: Criterion) -> bool:
        """Whether it has a final value of a metric."""
        return self.diverged or criterion.metric in self.metrics

    def final(self, criterion: Criterion) -> float:
        """The final value of a metric: nan if the run lacks it, infinitely bad if the run diverged.

        The steps to a target count even if the run diverged later.
        """
        if self.diverged and criterion.metric != STEPS_TO_TARGET:
            return criterion.worst
        return self.metrics.get(criterion.metric, math.nan)

    def evaluations(self, metric: str) -> dict[int, float]:
        """The values of a metric, by the number of steps taken before the evaluation; none without a record."""
        if self.record is None:
            return {}
        table = self.record.read(EVALUATIONS)
        if metric not in table.columns:
            return {}
        step, column = table.columns.index("step"), table.columns.index(metric)
        return {int(row[step] or 0): value for row in table.rows if (value := row[column]) is not None}


def ended_runs(records: Sequence[RunRecord], target: Target | None = None) -> list[EndedRun]:
    """The runs that have ended, with their steps to a target if there is one; the other records are left out."""
    endings = [(record, ending) for record in records if (ending := record.ending()) is not None]
    differing = _differing_code([record for record, _ in endings])
    runs = []
    for record, ending in endings:
        header = record.header
        code = {f"{CODE}{name}": header.code[name][:DIGEST_LENGTH] for name in differing if name in header.code}
        metrics = record.metrics()
        if target is not None:
            metrics |= _to_target(record, target, metrics)
        params = {printable(name): printable(value) for name, value in (header.params | code).items()}
        described = header.id, printable(header.name), printable(header.problem), params
        runs.append(EndedRun(*described, ending.result, ending.step, metrics, record))
    return runs


def runs_of_outcomes(outcomes: Sequence[Outcome], problem: str) -> list[EndedRun]:
    """The runs of a benchmark, on a problem, that have no records."""
    return [
        EndedRun(str(number), run_label(dict(row.params)), problem, row.params, row.result, row.steps, row.metrics)
        for number, row in enumerate(outcomes)
    ]


def _to_target(record: RunRecord, target: Target, metrics: Mapping[str, float]) -> dict[str, float]:
    """The steps of a run to a target, and the seconds, unless other runs of its batch took their share of them."""
    steps = target.steps(record)
    if "runs_in_batch" in metrics or "seconds_per_step" not in metrics:
        return {STEPS_TO_TARGET: steps}
    return {STEPS_TO_TARGET: steps, "seconds_to_target": steps * metrics["seconds_per_step"]}


def _differing_code(records: Sequence[RunRecord]) -> list[str]:
    """The names of the modules and packages of which several versions were run."""
    versions: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for name, version in record.header.code.items():
            versions[name].add(version)
    return sorted(name for name, several in versions.items() if len(several) > 1)


@dataclass(frozen=True)
class SeedGroup:
    """Runs that differ only in their seed.

    Args:
        kind: the values of the parameters that differ, without the seed and the parameter along the x axis.
        x: the value of the parameter along the x axis; None if there is no such parameter.
        runs: one for each seed.
    """

    kind: str
    x: float | None
    runs: list[EndedRun]


@dataclass(frozen=True)
class GroupedRuns:
    """Runs in groups, along one of the numeric parameters in which they differ.

    Args:
        x_param: the name of that parameter, the x axis of pictures; None if they differ in no number.
        differing_params: the names of all parameters in which they differ.
        groups: by kind, in the order of the runs, then by x.
    """

    x_param: str | None
    differing_params: list[str]
    groups: list[SeedGroup]

    @property
    def runs(self) -> list[EndedRun]:
        """The runs of all groups."""
        return [run for group in self.groups for run in group.runs]

    def without_stopped(self) -> Self:
        """The same without runs that were stopped, of which the ends are unknown."""
        kept = [replace(group, runs=[run for run in group.runs if run.result != "stopped"]) for group in self.groups]
        return replace(self, groups=[group for group in kept if group.runs])

    def by_kind(self) -> dict[str, list[SeedGroup]]:
        """The groups of each kind."""
        kinds: dict[str, list[SeedGroup]] = {}
        for group in self.groups:
            kinds.setdefault(group.kind, []).append(group)
        return kinds


def group_runs(runs: Sequence[EndedRun]) -> GroupedRuns:
    """Group runs along the learning rate if it differs, else along the number with the most values."""
    names = sorted(differing_params([run.params for run in runs]), key=lambda name: name.startswith(CODE))
    without_seed = [name for name in names if name != SEED]
    numbers = [name for name in without_seed if not name.startswith(CODE)]
    x_param = max(
        (name for name in numbers if all(number(run.params.get(name)) is not None for run in runs)),
        key=lambda name: (name == RATE, len({run.params[name] for run in runs})),
        default=None,
    )
    groups: dict[str, dict[float | None, list[EndedRun]]] = {}
    for run in runs:
        kind = run_label({name: run.params.get(name, "") for name in without_seed if name != x_param})
        x = number(run.params[x_param]) if x_param else None
        groups.setdefault(kind, {}).setdefault(x, []).append(run)
    return GroupedRuns(
        x_param,
        names,
        [SeedGroup(kind, x, by_x[x]) for kind, by_x in groups.items() for x in sorted(by_x, key=lambda x: x or 0)],
    )


def group_label(grouped: GroupedRuns, group: SeedGroup) -> str:
    """What distinguishes a group from the others: `adam lr=0.01`."""
    x = {} if grouped.x_param is None or group.x is None else {grouped.x_param: f"{group.x:g}"}
    return " ".join(filter(None, [group.kind, run_label(x)])) or "all"
