"""Bring to MLflow whatever of the run records is not there yet; it may be repeated without harm."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from descent.errors import UserError
from descent.project import project_root
from descent.records.run import records
from descent.records.sweep import sweeps
from descent.tracking.store import DEFAULT_URI, connect
from descent.tracking.sweep_sync import sync_record
from descent.tracking.sync import MAX_POINTS


def sync_all(folders: list[Path], uri: str, max_points: int = MAX_POINTS) -> None:
    """Bring these records to MLflow, and print what was done to each."""
    connect(uri)
    done: Counter[str] = Counter()
    for folder in folders:
        try:
            synced = sync_record(folder, uri, max_points)
            done[synced.change] += 1
            print(f"{folder}: {synced.change}, run {synced.run_id}")
        except UserError as error:
            done["missing"] += 1
            print(f"{folder}: {error}")
    if done["missing"]:
        raise UserError(f"{done['missing']} of {len(folders)} records are not in MLflow, as said above")
    print(f"records: {done['new']} new, {done['updated']} updated, {done['unchanged']} unchanged")


def main(words: Sequence[str]) -> None:
    """Sync the records that the command line names, or all under runs and sweeps."""
    parser = argparse.ArgumentParser("descent sync", description=__doc__)
    parser.add_argument(
        "folders",
        metavar="FOLDER",
        nargs="*",
        type=Path,
        help="default: all under runs and sweeps",
    )
    parser.add_argument("--uri", default=DEFAULT_URI, help="the MLflow store (default: %(default)s)")
    parser.add_argument(
        "--max-points", type=int, default=MAX_POINTS, help="of a metric a run, at most (default: %(default)s)"
    )
    arguments = parser.parse_args(words)
    for folder in arguments.folders:
        if not _found([folder]):
            raise UserError(f"{folder} holds no record (run.json or sweep.json); name the folder of a run or a sweep")
    everywhere = [project_root() / name for name in ("runs", "sweeps")]
    sync_all(_found(arguments.folders or everywhere), arguments.uri, arguments.max_points)


def _found(folders: list[Path]) -> list[Path]:
    """The records at or below the folders, those of sweeps after those of the runs that they take in."""
    return [*records(folders), *sweeps(folders)]
