"""The table of a comparison, runs.csv: a row for each run."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from descent.comparisons.grouping import GroupedRuns

Row = dict[str, Any]


def table_rows(grouped: GroupedRuns) -> list[Row]:
    """A row for each run: the parameters that differ, its result, and its final metrics."""
    runs = [run for group in grouped.groups for run in group.runs]
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    return [
        {
            "run": run.record.header.name,
            **{name: run.params.get(name, "") for name in grouped.differing_params},
            "result": run.result,
            "steps": run.steps,
            **{name: run.metrics.get(name) for name in metrics},
            "record": run.record.header.id,
        }
        for run in runs
    ]


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
