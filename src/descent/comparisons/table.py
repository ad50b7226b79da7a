"""The tables of a comparison: runs.csv, a row for each run, and groups.csv, a row for each group."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from descent.comparisons.grouping import GroupedRuns
from descent.comparisons.ranking import RankedGroup
from descent.records.label import SEED

Row = dict[str, Any]


def table_rows(grouped: GroupedRuns) -> list[Row]:
    """A row for each run: the parameters that differ, its result, and its final metrics."""
    runs = grouped.runs
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    return [
        {
            "run": run.name,
            **{name: run.params.get(name, "") for name in grouped.differing_params},
            "result": run.result,
            "steps": run.steps,
            **{name: run.metrics.get(name) for name in metrics},
            "record": run.id,
        }
        for run in runs
    ]


def group_rows(grouped: GroupedRuns, ranked: Sequence[RankedGroup]) -> list[Row]:
    """A row for each ranked group, the best first: its parameters, and the metric with its interval."""
    names = [name for name in grouped.differing_params if name != SEED]
    rows = []
    for group in ranked:
        low, high = group.interval
        params = group.group.runs[0].params
        rows.append(
            {
                "group": group.label,
                **{name: params.get(name, "") for name in names},
                "seeds": len(group.finals),
                "diverged": sum(run.diverged for run in group.group.runs),
                group.criterion.metric: group.value,
                "low": low,
                "high": high,
                "interval": group.interval_kind,
                "selected on": group.criterion.split,
            }
        )
    return rows


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
