"""Compare runs picked by folder, id, key or an MLflow filter: a table and pictures, in MLflow as well."""

import argparse
import os
from collections.abc import Sequence

from descent.errors import printable
from descent.tracking.store import DEFAULT_URI


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
    parser.add_argument(
        "--target",
        metavar="METRIC=VALUE",
        help="say which runs reach a value of a metric, and how soon, for example loss/train=0.01",
    )
    arguments = parser.parse_args(words)
    from descent.comparisons.selected import compare_selected
    from descent.comparisons.selection import select_runs
    from descent.tracking.sweep_sync import sync_sweep

    runs = select_runs(arguments.picks, arguments.uri)
    record, comparison = compare_selected(runs, arguments.target)
    where = os.path.relpath(record.folder)
    results = ", ".join(f"{count} {result}" for result, count in sorted(comparison.results.items()))
    print(printable(f"{record.header.name}: {len(runs)} runs: {results}"))
    print(*comparison.conclusions, sep="\n", end="\n" if comparison.conclusions else "")
    print(f"tables {where}/views/*.csv  pictures {where}/views/*.png")
    print(f"MLflow run {sync_sweep(record.folder, arguments.uri).run_id}")
