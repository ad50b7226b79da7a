"""Runs side by side as a table: a row for each."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from descent.compare.runs import GroupedRuns

Row = dict[str, Any]


def rows(grouped: GroupedRuns) -> list[Row]:
    """What differs between the runs, how each ended and what it reached."""
    runs = [run for group in grouped.groups for run in group.runs]
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    return [
        {
            "run": run.record.header.name,
            **{name: run.params.get(name, "") for name in grouped.differing},
            "result": run.result,
            "steps": run.steps,
            **{name: run.metrics.get(name) for name in metrics},
            "record": run.record.header.id,
        }
        for run in runs
    ]


def write(path: Path, table: Sequence[Row]) -> None:
    """The table as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in table for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
