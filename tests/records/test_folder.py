import json
import time
from pathlib import Path

import pytest
from permissions import unreadable
from tracking.runs import ended_record

from descent.errors import UserError
from descent.records.folder import folders_with, now
from descent.records.run import HEADER, RunRecord, run_folders
from descent.records.sweep import SWEEP, SweepHeader, SweepRecord, sweep_folders


def first_version(folder: Path, name: str) -> Path:
    """A folder as the first version of Descent wrote it."""
    folder.mkdir(parents=True)
    (folder / name).write_text(json.dumps({"id": "a", "key": "b"}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", [HEADER, SWEEP])
def test_a_folder_of_the_first_version_is_refused_with_advice(tmp_path: Path, name: str) -> None:
    folder = first_version(tmp_path / "old", name)
    reason = r"old was written by the first version of Descent; remove it and train again$"
    with pytest.raises(UserError, match=reason):
        (RunRecord if name == HEADER else SweepRecord)(folder)
    assert folders_with(name, [tmp_path]) == [folder]


def test_a_record_of_another_format_is_refused(tmp_path: Path) -> None:
    record = ended_record(tmp_path / "run")
    header = record.files / HEADER
    header.write_text(json.dumps({**json.loads(header.read_text()), "format": 4}))
    with pytest.raises(UserError, match=r"run is of format 4, and this Descent reads 3; remove it and train again$"):
        RunRecord(record.folder)


def test_a_folder_that_can_not_be_read_is_found_and_refused(tmp_path: Path) -> None:
    for name in "abc":
        ended_record(tmp_path / name)
    with unreadable(tmp_path / "a", tmp_path / "b" / "record"):
        assert run_folders([tmp_path]) == [tmp_path / name for name in "abc"]
        for name in "ab":
            with pytest.raises(UserError, match=rf"^{tmp_path}/{name}.* can't be read: permission denied$"):
                RunRecord(tmp_path / name)
        assert RunRecord(tmp_path / "c").header.name == "c"


def test_records_are_found_by_the_folders_that_hold_them(tmp_path: Path) -> None:
    ended_record(tmp_path / "runs" / "b")
    ended_record(tmp_path / "runs" / "a")
    SweepRecord.create(tmp_path / "sweeps" / "c", SweepHeader("id", "c", "bowl", 0, {}, {}), "")
    assert run_folders([tmp_path]) == [tmp_path / "runs" / "a", tmp_path / "runs" / "b"]
    assert run_folders([tmp_path / "runs" / "b"]) == [tmp_path / "runs" / "b"]
    assert sweep_folders([tmp_path]) == [tmp_path / "sweeps" / "c"]


def test_times_are_whole_milliseconds_since_the_epoch() -> None:
    before, moment, after = time.time(), now(), time.time()
    assert isinstance(moment, int)
    assert int(1000 * before) <= moment <= 1000 * after
