"""Compare runs picked by folder, id, key or an MLflow filter: a table and pictures, in MLflow as well."""

import argparse
import hashlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from descent.errors import UserError
from descent.project import project_root
from descent.tracking.store import DEFAULT_URI

if TYPE_CHECKING:
    from descent.comparisons.comparison import Comparison
    from descent.records.run import RunRecord
    from descent.records.sweep import SweepRecord


def main(words: Sequence[str]) -> None:
    """Compare the runs that the command line picks, into comparisons/KEY and a run of MLflow."""
    parser = argparse.ArgumentParser("descent compare", description=__doc__)
    parser.add_argument(
        "picks",
        metavar="RUN_OR_SWEEP",
        nargs="+",
        help="a folder under runs or sweeps, an MLflow run id, a run's key, or an MLflow filter string",
    )
    parser.add_argument("--uri", default=DEFAULT_URI, help="the MLflow store (default: %(default)s)")
    arguments = parser.parse_args(words)
    from descent.comparisons.selection import select_runs
    from descent.tracking.sweep_sync import sync_sweep

    runs = select_runs(arguments.picks, arguments.uri)
    record, comparison = compared(runs)
    where = os.path.relpath(record.folder)
    results = ", ".join(f"{count} {result}" for result, count in sorted(comparison.results.items()))
    print(f"{record.header.name}: {len(runs)} runs: {results}")
    if comparison.best:
        print(f"best: {comparison.best}  {comparison.best_value}")
    print(f"table {where}/views/runs.csv  pictures {where}/views/*.png")
    print(f"MLflow run {sync_sweep(record.folder, arguments.uri).run_id}")


def compared(runs: "list[RunRecord]") -> "tuple[SweepRecord, Comparison]":
    """Compare runs as a sweep's are, into a record that has no jobs.

    Raises:
        UserError: if fewer than two have ended.
    """
    from descent.comparisons.comparison import compare_runs
    from descent.comparisons.grouping import ended_runs, group_runs
    from descent.records.folder import now
    from descent.records.sweep import SEVERAL, SweepHeader, SweepRecord

    finished = ended_runs(runs)
    if len(finished) < 2:
        raise UserError(f"{len(finished)} of the {len(runs)} runs picked have ended; a comparison takes two")
    key = hashlib.sha256("\0".join(sorted(run.record.header.id for run in finished)).encode()).hexdigest()
    problems = {run.record.header.problem for run in finished}
    problem = problems.pop() if len(problems) == 1 else SEVERAL
    differ = " × ".join(name.rpartition(".")[2] for name in group_runs(finished).differing_params)
    header = SweepHeader(key, f"{problem}: comparison over {differ or 'nothing'}", problem, now(), {}, {})
    record = SweepRecord.create(project_root() / "comparisons" / key[:8], header, "")
    params = finished[0].params
    metric = params.get("objective.metric", "loss/train"), params.get("objective.direction", "minimize")
    comparison = compare_runs(header.name, [run.record for run in finished], *metric, record.views)
    record.write_state(comparison.state("FINISHED"))
    return record, comparison
