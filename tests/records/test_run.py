import math
from pathlib import Path

import pytest
from tracking.runs import evaluate, start, step, whole

from descent.records.run import EVALUATIONS, STEPS, RunRecord, records


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = whole(tmp_path / "a", 3)
    record = RunRecord(tmp_path / "a")
    assert record.header == written.header
    assert record.read(STEPS).columns == ["step", "timestamp", "loss/step", "grad_norm"]
    assert [row[2] for row in record.read(STEPS).rows] == [1.0, 1 / 2, 1 / 3]
    assert record.metrics() == {"loss/test": 1 / 4, "seconds_per_step": 0.5}
    ending = record.ending()
    assert ending is not None
    assert (ending.result, ending.step) == ("finished", 3)
    assert not (tmp_path / "a" / "record" / "committed.json").exists()


def test_a_loss_that_is_nan_is_not_one_that_was_not_taken(tmp_path: Path) -> None:
    with start(tmp_path / "a", 1) as record:
        record.append(STEPS, [{"step": 0, "timestamp": 1, "loss": math.nan, "accuracy": None, "x": math.inf}])
        record.commit(record.position())
    ((_, _, loss, accuracy, x),) = record.read(STEPS).rows
    assert loss is not None
    assert math.isnan(loss)
    assert (accuracy, x) == (None, math.inf)


def test_no_rows_leave_no_table(tmp_path: Path) -> None:
    with start(tmp_path / "a", 1) as record:
        record.append(STEPS, [])
        assert record.position() == {}
    assert not (tmp_path / "a" / "record" / STEPS).exists()


def test_a_position_is_of_what_is_appended_to_and_of_nothing_else(tmp_path: Path) -> None:
    with start(tmp_path / "a", 10) as record:
        step(record, 0, 4)
        record.append_bytes("path.f32", b"1234")
        assert record.position() == {STEPS: (tmp_path / "a" / "record" / STEPS).stat().st_size, "path.f32": 4}


def test_only_committed_rows_of_a_run_that_goes_on_are_read(tmp_path: Path) -> None:
    with start(tmp_path / "a", 10) as record:
        step(record, 0, 4)
        record.position()
        assert record.read(STEPS).rows == []
        record.commit(record.position())
        step(record, 4, 8)
        record.position()
        assert len(record.read(STEPS).rows) == 4
        assert record.read(EVALUATIONS).rows == []


def test_rewind_forgets_what_no_checkpoint_covers(tmp_path: Path) -> None:
    with start(tmp_path / "a", 10) as record:
        step(record, 0, 4)
        position = record.position()
        record.commit(position)
        step(record, 4, 8)
        evaluate(record, 8)
        record.append_bytes("path.f32", b"1234")
        record.fail("Traceback")
        assert record.failed()
    again = RunRecord(tmp_path / "a")
    again.rewind(position)
    assert not again.failed()
    step(again, 4, 10)
    again.finish("finished", 10, {})
    assert [row[0] for row in again.read(STEPS).rows] == list(range(10))
    assert sorted(path.name for path in again.files.iterdir()) == [
        "config.yaml",
        "metrics.json",
        "result.json",
        "run.json",
        "steps.csv",
    ]


def test_records_are_found_below_a_folder(tmp_path: Path) -> None:
    start(tmp_path / "sweep" / "1", 1)
    start(tmp_path / "sweep" / "0", 1)
    (tmp_path / "other").mkdir()
    assert records([tmp_path, tmp_path / "sweep"]) == [tmp_path / "sweep" / "0", tmp_path / "sweep" / "1"]


def test_a_folder_without_a_record_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RunRecord(tmp_path)
