"""Bring to MLflow whatever of the run records is not there yet; it may be repeated without harm."""

import argparse
from collections import Counter
from pathlib import Path

from descent.errors import UserError
from descent.project import project_root
from descent.tracking.record import records
from descent.tracking.store import DEFAULT_URI, connect
from descent.tracking.sync import POINTS, sync


def sync_all(folders: list[Path], uri: str, points: int = POINTS) -> None:
    """Bring these records to MLflow, and print what was done to each."""
    connect(uri)
    done: Counter[str] = Counter()
    for folder in folders:
        try:
            synced = sync(folder, uri, points)
            done[synced.what] += 1
            print(f"{folder}: {synced.what}, run {synced.run_id}")
        except UserError as error:
            done["missing"] += 1
            print(f"{folder}: {error}")
    if done["missing"]:
        raise UserError(f"{done['missing']} of {len(folders)} run records are not in MLflow, as said above")
    print(f"run records: {done['new']} new, {done['updated']} updated, {done['unchanged']} unchanged")


def main() -> None:
    """Sync the records that the command line names, or all under runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", metavar="RUN_DIR", nargs="*", type=Path, help="default: every one under runs")
    parser.add_argument("--uri", default=DEFAULT_URI, help="the MLflow store (default: %(default)s)")
    parser.add_argument("--points", type=int, default=POINTS, help="of a metric a run, at most (default: %(default)s)")
    arguments = parser.parse_args()
    for folder in arguments.folders:
        if not records([folder]):
            raise UserError(f"{folder} holds no run record (run.json); name the folder of a run")
    sync_all(records(arguments.folders or [project_root() / "runs"]), arguments.uri, arguments.points)
