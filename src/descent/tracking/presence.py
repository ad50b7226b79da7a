"""Whether a store has a record already, by a query of its tables, since MLflow takes seconds to import."""

import sqlite3
from contextlib import closing
from pathlib import Path

from descent.records.folder import RECORD
from descent.records.run import RESULT, RunRecord
from descent.records.sweep import SWEEP, SweepRecord
from descent.render.stamp import is_current, run_stamp
from descent.tracking.sqlite_store import sqlite_path
from descent.tracking.sweep_sync import is_logged
from descent.tracking.sync import RECORD_TAG, new_views

TAGS = """
select runs.status, tags.key, tags.value from tags record join runs using (run_uuid) join tags using (run_uuid)
where record.key = ? and record.value = ? and runs.lifecycle_stage = 'active'
"""
"""The status of a record's MLflow run, beside each of its tags."""


def is_settled(folder: Path, uri: str | None) -> bool:
    """Whether it is certain that a record needs neither drawing nor syncing.

    Args:
        folder: of a run or a sweep.
        uri: of the store; None for none.
    """
    if (folder / RECORD / SWEEP).exists():
        return uri is None or _is_synced(uri, SweepRecord(folder))
    if not (folder / RECORD / RESULT).exists():
        return False
    run = RunRecord(folder)
    return is_current(run.views, run_stamp(run)) and (uri is None or _is_synced(uri, run))


def _is_synced(uri: str, record: RunRecord | SweepRecord) -> bool:
    status, tags = _status_and_tags(uri, record.header.id)
    is_there = status == "FINISHED" if isinstance(record, RunRecord) else is_logged(tags, record)
    return is_there and not any(new_views(tags, record.views))


def _status_and_tags(uri: str, record: str) -> tuple[str | None, dict[str, str]]:
    """The status and the tags of a record's run in a SQLite store; None and none where they can't be read."""
    path = sqlite_path(uri)
    if path is None or not path.exists():
        return None, {}
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", timeout=0, uri=True)) as store:
            rows = store.execute(TAGS, (RECORD_TAG, record)).fetchall()
    except sqlite3.Error:  # it is not a store yet, or is being written
        return None, {}
    return (rows[0][0] if rows else None), {key: value for _, key, value in rows}
