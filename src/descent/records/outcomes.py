"""The runs of a benchmark that have no records of their own: a row each, in outcomes.csv of their sweep's record."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from descent.records.header import Result

RESULT, STEPS = "result", "steps"
"""The columns between the parameters and the metrics."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        params: the parameters in which it differs from others of its sweep.
        result: how it ended.
        steps: the number of steps it took.
        metrics: its final metrics.
    """

    params: Mapping[str, str]
    result: Result
    steps: int
    metrics: Mapping[str, float]


def outcomes_csv(outcomes: Sequence[Outcome]) -> str:
    """The text of outcomes.csv; all have the same parameters and metrics."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*outcomes[0].params, RESULT, STEPS, *outcomes[0].metrics])
    for outcome in outcomes:
        writer.writerow([*outcome.params.values(), outcome.result, outcome.steps, *map(repr, outcome.metrics.values())])
    return text.getvalue()


def read_outcomes(text: str) -> list[Outcome]:
    """The outcomes in the text of outcomes.csv."""
    columns, *rows = csv.reader(io.StringIO(text))
    place = columns.index(RESULT)
    return [
        Outcome(
            params=dict(zip(columns[:place], row[:place], strict=True)),
            result=cast("Result", row[place]),
            steps=int(row[place + 1]),
            metrics={name: float(value) for name, value in zip(columns[place + 2 :], row[place + 2 :], strict=True)},
        )
        for row in rows
    ]
