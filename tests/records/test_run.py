import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tracking.runs import ended_record, evaluate, start, step

from descent.errors import UserError
from descent.records.run import EVALUATIONS, STEPS, RunRecord, run_folders
from descent.records.tables import extent_of


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = ended_record(tmp_path / "a", 3)
    record = RunRecord(tmp_path / "a")
    assert record.header == written.header
    assert record.read(STEPS).columns == ["step", "timestamp", "loss/step", "grad_norm"]
    assert [row[2] for row in record.read(STEPS).rows] == [1.0, 1 / 2, 1 / 3]
    assert record.metrics() == {"loss/test": 1 / 4, "seconds_per_step": 0.5}
    ending = record.ending()
    assert ending is not None
    assert (ending.result, ending.step) == ("finished", 3)
    assert not (tmp_path / "a" / "record" / "committed.json").exists()


def test_a_loss_of_nan_is_not_a_missing_value(tmp_path: Path) -> None:
    with start(tmp_path / "a", 1) as record:
        record.append(STEPS, [{"step": 0, "timestamp": 1, "loss": math.nan, "accuracy": None, "x": math.inf}])
        record.commit(record.position())
    ((_, _, loss, accuracy, x),) = record.read(STEPS).rows
    assert loss is not None
    assert math.isnan(loss)
    assert (accuracy, x) == (None, math.inf)


def test_appending_no_rows_creates_no_table(tmp_path: Path) -> None:
    with start(tmp_path / "a", 1) as record:
        record.append(STEPS, [])
        assert record.position() == {}
    assert not (tmp_path / "a" / "record" / STEPS).exists()


def test_a_position_has_only_files_that_are_appended_to(tmp_path: Path) -> None:
    with start(tmp_path / "a", 10) as record:
        step(record, 0, 4)
        record.append_bytes("path.f32", b"1234")
        position = record.position()
    files = tmp_path / "a" / "record"
    lengths = {STEPS: (files / STEPS).stat().st_size, "path.f32": 4}
    assert {name: extent.length for name, extent in position.items()} == lengths
    assert {name: hashlib.sha256((files / name).read_bytes()).hexdigest() for name in lengths} == {
        name: extent.sha256 for name, extent in position.items()
    }


def test_only_committed_rows_of_a_running_run_are_read(tmp_path: Path) -> None:
    with start(tmp_path / "a", 10) as record:
        step(record, 0, 4)
        record.position()
        assert record.read(STEPS).rows == []
        record.commit(record.position())
        step(record, 4, 8)
        record.position()
        assert len(record.read(STEPS).rows) == 4
        assert record.read(EVALUATIONS).rows == []


def test_rewind_removes_rows_after_the_checkpoint(tmp_path: Path) -> None:
    with start(tmp_path / "a", 10) as record:
        step(record, 0, 4)
        position = record.position()
        record.commit(position)
        step(record, 4, 8)
        evaluate(record, 8)
        record.append_bytes("path.f32", b"1234")
        record.fail("Traceback")
        assert record.failed()
    resumed = RunRecord(tmp_path / "a")
    resumed.rewind(position)
    assert not resumed.failed()
    step(resumed, 4, 10)
    resumed.finish("finished", 10, {})
    assert [row[0] for row in resumed.read(STEPS).rows] == list(range(10))
    assert sorted(path.name for path in resumed.files.iterdir()) == [
        "config.yaml",
        "metrics.json",
        "result.json",
        "run.json",
        "steps.csv",
    ]


def test_the_result_has_the_digests_of_what_stays(tmp_path: Path) -> None:
    with start(tmp_path, 10) as record:
        step(record, 0, 4)
        position = record.position()
        record.commit(position)
        step(record, 4, 8)
        record.position()
        record.rewind(position)  # as a batch does that is trained again
        step(record, 4, 10)
        assert record.position() == {STEPS: extent_of(record.files / STEPS)}
        (record.files / "metrics.json.new").touch()  # which a killed process left
        record.finish("finished", 10, {})
    ending = record.ending()
    assert ending is not None
    stay = ("config.yaml", "metrics.json", "run.json", "steps.csv")
    assert ending.sha256 == {name: hashlib.sha256((record.files / name).read_bytes()).hexdigest() for name in stay}


def test_the_names_of_all_files_are_on_the_disk_before_that_of_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushed(handle: int) -> None:
        fsync(handle)
        calls.append(f"flush {Path(f'/proc/self/fd/{handle}').resolve().name}")

    def renamed(path: Path, target: Path) -> Path:
        calls.append(f"rename to {target.name}")
        return replace(path, target)

    with start(tmp_path, 10) as record:
        monkeypatch.setattr(os, "fsync", flushed)
        monkeypatch.setattr(Path, "replace", renamed)
        record.finish("finished", 0, {})
    renames = ["rename to metrics.json", "flush record", "flush result.json.new", "rename to result.json"]
    assert calls == ["flush metrics.json.new", *renames, "flush record"]


def test_a_result_that_no_run_has_is_damage(tmp_path: Path) -> None:
    path = ended_record(tmp_path, 3).files / "result.json"
    path.write_text(path.read_text().replace('"finished"', '"won"'))
    with pytest.raises(UserError, match=r"result\.json is damaged: "):
        RunRecord(tmp_path).ending()


def test_records_are_found_below_a_folder(tmp_path: Path) -> None:
    start(tmp_path / "sweep" / "1", 1)
    start(tmp_path / "sweep" / "0", 1)
    (tmp_path / "other").mkdir()
    assert run_folders([tmp_path, tmp_path / "sweep"]) == [tmp_path / "sweep" / "0", tmp_path / "sweep" / "1"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda header: header.pop("inputs"),
        lambda header: header.pop("key"),
        lambda header: header.update(unheard_of=1),
        lambda header: header["inputs"].append({"name": "a"}),
        lambda header: header.update(inputs=3),
    ],
)
def test_a_record_of_which_a_part_is_missing_or_unknown_is_refused(
    tmp_path: Path, damage: Callable[[dict[str, Any]], object]
) -> None:
    path = start(tmp_path, 1).files / "run.json"
    header = json.loads(path.read_text())
    damage(header)
    path.write_text(json.dumps(header))
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        RunRecord(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"loss/test": "low"}', b"PK\x05\x06" + bytes(18), None]
)
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("result.json", RunRecord.ending),
        ("metrics.json", RunRecord.metrics),
        ("steps.csv", lambda record: record.read(STEPS)),
        ("steps.csv", lambda record: record.table(STEPS).values("loss/step")),
        ("landscape.npz", RunRecord.landscape),
    ],
)
def test_no_reader_takes_a_damaged_file_for_what_the_run_wrote(
    tmp_path: Path, name: str, read: Callable[[RunRecord], object], content: bytes | None
) -> None:
    with start(tmp_path, 4) as record:
        step(record, 0, 4)
        record.save_landscape({"kind": np.array("plane"), "losses": np.zeros((100, 100))})
        record.finish("finished", 4, {"loss/train": 0.5})
    read(record)
    path = record.files / name
    before = path.read_bytes()
    path.write_bytes(before.replace(b"s", b"z", 1) if content is None else content)
    with pytest.raises(UserError, match=rf"{name} is damaged: .* remove {tmp_path} and train again$"):
        read(record)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("steps.csv", b"\xff,\n1,\n"),
        ("steps.csv", b"step,loss/step\n1,low\n"),
        ("steps.csv", b"step,loss/step\n1\n"),
        ("steps.csv", b"step,lost\n1,1\n"),
        ("committed.json", b""),
        ("committed.json", b"[1]"),
        ("committed.json", b'{"steps.csv": [1, 2, 3]}'),
    ],
)
def test_nor_does_a_reader_of_a_run_that_has_not_ended(tmp_path: Path, name: str, content: bytes) -> None:
    with start(tmp_path, 4) as record:
        step(record, 0, 4)
        record.commit(record.position())
    (record.files / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name} is damaged: "):
        record.table(STEPS).values("loss/step")


def test_opening_a_folder_without_a_record_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RunRecord(tmp_path)


def test_within_its_context_a_record_keeps_its_tables_open(tmp_path: Path) -> None:
    def is_open() -> bool:
        handles = Path("/proc/self/fd").iterdir()
        return any(os.path.realpath(handle).endswith(f"record/{STEPS}") for handle in handles)

    record = start(tmp_path, 2)
    step(record, 0, 1)
    assert not is_open()
    with record:
        step(record, 1, 2)
        assert is_open()
    assert not is_open()
    assert len(record.read(STEPS).rows) == 0  # nothing is committed
