"""Runs as they are compared: what they were asked to do and what became of them, from their records."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from descent.compare.differences import REPLICATE, differing
from descent.records.run import EVALUATIONS, Result, RunRecord

LONGEST_NUMBER = 7
"""The most characters of a number that are told as they stand."""


@dataclass(frozen=True)
class Run:
    """One that has ended.

    Args:
        record: its record.
        params: its parameters, flat.
        result: how it ended.
        steps: how many steps it took.
        metrics: its last metrics.
    """

    record: RunRecord
    params: dict[str, str]
    result: Result
    steps: int
    metrics: dict[str, float]

    @property
    def diverged(self) -> bool:
        """Whether it diverged."""
        return self.result == "diverged"

    def final(self, metric: str) -> float:
        """A metric at its end, infinitely bad where it diverged."""
        if not self.diverged:
            return self.metrics.get(metric, math.nan)
        return -math.inf if is_better_high(metric) else math.inf

    def evaluations(self, metric: str) -> dict[int, float]:
        """A metric by the number of steps after which it was evaluated."""
        table = self.record.read(EVALUATIONS)
        if metric not in table.columns:
            return {}
        step, column = table.columns.index("step"), table.columns.index(metric)
        return {int(row[step] or 0): value for row in table.rows if (value := row[column]) is not None}


def ended(records: Sequence[RunRecord]) -> list[Run]:
    """Those of the records that have ended, as runs."""
    runs = []
    for record in records:
        ending = record.ending()
        if ending is not None:
            runs.append(Run(record, record.header.params, ending.result, ending.step, record.metrics()))
    return runs


def is_better_high(metric: str) -> bool:
    """Whether more of it is better, as of an accuracy."""
    return metric.startswith("accuracy")


@dataclass(frozen=True)
class SeedGroup:
    """Runs that differ in nothing but chance.

    Args:
        kind: what tells its kind from others: the parameters that differ, less the number, with their values.
        number: the value of the number along which its kind is looked at; None where there is no such number.
        runs: one for each seed.
    """

    kind: str
    number: float | None
    runs: list[Run]


@dataclass(frozen=True)
class GroupedRuns:
    """Runs in groups, along one of the numbers they differ in.

    Args:
        number: the number's name; None where they differ in none.
        differing: the names of all parameters in which they differ.
        groups: by kind, in the order of the runs, then by number.
    """

    number: str | None
    differing: list[str]
    groups: list[SeedGroup]


def group_runs(runs: Sequence[Run]) -> GroupedRuns:
    """Arrange runs along the number that has most values, the learning rate before others."""
    names = differing([run.params for run in runs])
    kinds = [name for name in names if name != REPLICATE]
    number = max(
        (name for name in kinds if all(_number(run.params.get(name)) is not None for run in runs)),
        key=lambda name: (name == "optimizer.lr", len({run.params[name] for run in runs})),
        default=None,
    )
    groups: dict[str, dict[float | None, list[Run]]] = {}
    for run in runs:
        kind = run_label({name: run.params.get(name, "") for name in kinds if name != number})
        value = _number(run.params[number]) if number else None
        groups.setdefault(kind, {}).setdefault(value, []).append(run)
    return GroupedRuns(
        number,
        names,
        [
            SeedGroup(kind, value, by_number[value])
            for kind, by_number in groups.items()
            for value in sorted(by_number, key=lambda value: value or 0)
        ],
    )


def run_label(values: dict[str, str]) -> str:
    """What tells a run from others, in a few words: `adam lr=0.01 seed=2`; of long numbers, four digits."""
    return " ".join(
        value if "." not in name and name != REPLICATE else f"{name.rpartition('.')[2]}={_short(value)}"
        for name, value in values.items()
    )


def _short(text: str) -> str:
    value = _number(text)
    return f"{value:.4g}" if value is not None and len(text) > LONGEST_NUMBER else text


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
