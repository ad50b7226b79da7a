"""Whether a store holds a record already, by a look into its tables, since MLflow takes seconds to import."""

import sqlite3
from contextlib import closing
from pathlib import Path

from descent.records.folder import RECORD
from descent.records.run import RESULT, RunRecord
from descent.records.sweep import SWEEP, SweepRecord
from descent.render.stamp import is_current, run_stamp
from descent.tracking.store import database
from descent.tracking.sweep_sync import is_brought
from descent.tracking.sync import RECORD_ID, new_views

TAGS = """
select runs.status, tags.key, tags.value from tags own join runs using (run_uuid) join tags using (run_uuid)
where own.key = ? and own.value = ? and runs.lifecycle_stage = 'active'
"""
"""The status of the run in MLflow that is the view of a record, beside each of its tags."""


def is_settled(folder: Path, uri: str | None) -> bool:
    """Whether for sure neither views of a whole record are to be drawn nor anything is to be brought to the store.

    Args:
        folder: of a run or a sweep.
        uri: of the store; None for none.
    """
    if (folder / RECORD / SWEEP).exists():
        return uri is None or _is_there(uri, SweepRecord(folder))
    if not (folder / RECORD / RESULT).exists():
        return False
    run = RunRecord(folder)
    return is_current(run.views, run_stamp(run)) and (uri is None or _is_there(uri, run))


def _is_there(uri: str, record: RunRecord | SweepRecord) -> bool:
    status, tags = _found(uri, record.header.id)
    is_there = status == "FINISHED" if isinstance(record, RunRecord) else is_brought(tags, record)
    return is_there and not any(new_views(tags, record.views))


def _found(uri: str, record: str) -> tuple[str | None, dict[str, str]]:
    """The status and the tags of a record's run in a SQLite store; None and nothing where it cannot be told."""
    path = database(uri)
    if path is None or not path.exists():
        return None, {}
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", timeout=0, uri=True)) as store:
            rows = store.execute(TAGS, (RECORD_ID, record)).fetchall()
    except sqlite3.Error:  # it is no store yet, or it is written to just now
        return None, {}
    return (rows[0][0] if rows else None), {key: value for _, key, value in rows}
