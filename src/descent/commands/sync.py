"""Sync the records of runs and sweeps to MLflow; a second sync of the same records changes nothing."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from descent.errors import UserError
from descent.project import project_root
from descent.records.folder import RECORD
from descent.records.run import RunRecord, run_folders
from descent.records.sweep import SWEEP, SweepRecord, sweep_folders
from descent.tracking.store import DEFAULT_URI, connect
from descent.tracking.sweep_sync import sync_record
from descent.tracking.sync import MAX_POINTS


def sync_all(folders: list[Path], uri: str | None, max_points: int = MAX_POINTS) -> None:
    """Sync records to MLflow, and print for each whether it was new, updated or unchanged, or why it was not synced.

    Args:
        folders: of the records.
        uri: of the store; None for each record's own.
        max_points: of a metric a run.

    Raises:
        UserError: if the store does not answer, or some records were not synced.
    """
    if uri is not None:
        connect(uri)
    changes: Counter[str] = Counter()
    for folder in folders:
        try:
            synced = sync_record(folder, uri or _own_store(folder), max_points)
            changes[synced.change] += 1
            print(f"{folder}: {synced.change}, run {synced.run_id}")
        except Exception as error:  # whatever a damaged record raises; the others are synced
            changes["failed"] += 1
            print(f"{folder}: not synced: {_reason(error)}")
    print(f"records: {changes['new']} new, {changes['updated']} updated, {changes['unchanged']} unchanged")
    if changes["failed"]:
        raise UserError(f"{changes['failed']} of {len(folders)} records are not in MLflow; the reasons are above")


def main(words: Sequence[str]) -> None:
    """Sync the records that the command line names, or all under runs, sweeps and suites."""
    parser = argparse.ArgumentParser("descent sync", description=__doc__)
    parser.add_argument(
        "folders",
        metavar="FOLDER",
        nargs="*",
        type=Path,
        help="default: all under runs, sweeps and suites",
    )
    parser.add_argument("--uri", help=f"the MLflow store (default: of each record its own, else {DEFAULT_URI})")
    parser.add_argument(
        "--max-points", type=int, default=MAX_POINTS, help="of a metric a run, at most (default: %(default)s)"
    )
    arguments = parser.parse_args(words)
    for folder in arguments.folders:
        if not _record_folders([folder]):
            raise UserError(f"{folder} holds no record (run.json or sweep.json); name the folder of a run or a sweep")
    default_folders = [project_root() / name for name in ("runs", "sweeps", "suites")]
    sync_all(_record_folders(arguments.folders or default_folders), arguments.uri, arguments.max_points)


def _record_folders(folders: list[Path]) -> list[Path]:
    """The folders of all records at or below some folders; sweeps come after the runs that become their children."""
    return list(dict.fromkeys([*run_folders(folders), *sweep_folders(folders)]))


def _own_store(folder: Path) -> str:
    """The store that a record of this project names; the default one for a record that others may have made."""
    record = SweepRecord(folder) if (folder / RECORD / SWEEP).exists() else RunRecord(folder)
    is_own = folder.resolve().is_relative_to(project_root().resolve())
    return (record.store if is_own else None) or DEFAULT_URI


def _reason(error: Exception) -> str:
    """An error in one line."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {' '.join(str(error).split())}"
