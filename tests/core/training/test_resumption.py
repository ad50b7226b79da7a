import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from checkpoints import checkpoint_at, saved_record

from descent.core.training.checkpoint import BatchPlace, save
from descent.core.training.resumption import restore
from descent.records.run import CHECKPOINT, STEPS, RunRecord


class KilledError(Exception):
    """What stands for a kill."""


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    """A record of three steps, with a checkpoint after the second."""
    return saved_record(tmp_path)


def saved_twice(record: RunRecord) -> None:
    """Save a checkpoint of a fourth step."""
    record.append(STEPS, [{"step": 4, "timestamp": 4, "loss/step": 1.0}])
    save([(checkpoint_at(4, record), record)])


def flip_a_bit(path: Path, near: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[content.rindex(near)] ^= 1
    path.write_bytes(content)


def test_a_run_is_resumed_from_its_checkpoint_with_the_record_as_it_was(record: RunRecord) -> None:
    assert [row[0] for row in record.read(STEPS).rows] == [1, 2]
    again = RunRecord(record.folder)
    (loaded,) = restore([again])
    assert loaded is not None
    assert loaded.state.steps_taken == 2
    assert len((record.folder / "record" / STEPS).read_text().splitlines()) == 1 + 2


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda files: flip_a_bit(files / CHECKPOINT, b"steps_taken"), "checkpoint.ckpt: the checksum of"),
        (lambda files: os.truncate(files / CHECKPOINT, 500), "checkpoint.ckpt: BadZipFile: File is not a zip file"),
        (lambda files: os.truncate(files / CHECKPOINT, 0), "checkpoint.ckpt: BadZipFile: File is not a zip file"),
        (lambda files: flip_a_bit(files / STEPS, b"4,4,1"), "checkpoint.ckpt: steps.csv is not what the run wrote"),
        (lambda files: os.truncate(files / STEPS, 50), "checkpoint.ckpt: steps.csv ends before it"),
    ],
)
def test_a_damaged_checkpoint_or_table_is_told_and_the_run_resumed_from_the_checkpoint_before(
    record: RunRecord, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], reason: str
) -> None:
    saved_twice(record)
    damage(record.files)
    again = RunRecord(record.folder)
    (loaded,) = restore([again])
    assert loaded is not None
    assert loaded.state.steps_taken == 2
    assert [row[0] for row in again.read(STEPS).rows] == [1, 2]
    said = capsys.readouterr().err
    assert said.startswith(f"{record.folder} is damaged ({reason}")
    assert said.endswith("; resumed from step 2\n")
    assert len(said.splitlines()) == 1


def test_a_run_with_no_whole_checkpoint_starts_again(record: RunRecord, capsys: pytest.CaptureFixture[str]) -> None:
    saved_twice(record)
    os.truncate(record.files / STEPS, 10)
    again = RunRecord(record.folder)
    assert restore([again]) == [None]
    assert again.read(STEPS).rows == []
    assert sorted(path.name for path in again.files.iterdir()) == ["committed.json", "config.yaml", "run.json"]
    assert capsys.readouterr().err.endswith("steps.csv ends before it); resumed from step 0\n")


def test_a_kill_between_a_checkpoint_and_its_commit_shows_readers_no_step_that_could_be_taken_again(
    record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(RunRecord, "commit", killed)
        with pytest.raises(KilledError):
            save([(checkpoint_at(3, record), record)])
    assert [row[0] for row in record.read(STEPS).rows] == [1, 2]
    (loaded,) = restore([RunRecord(record.folder)])
    assert loaded is not None
    assert loaded.state.steps_taken == 3
    assert [row[0] for row in record.read(STEPS).rows] == [1, 2, 3]


@pytest.fixture
def batch(tmp_path: Path) -> list[RunRecord]:
    """The records of three runs of one batch, each with checkpoints after steps 2 and 4."""
    records = [saved_record(tmp_path / str(order)) for order in range(3)]
    for step in (2, 4):
        for record in records:
            record.append(STEPS, [{"step": step, "timestamp": step, "loss/step": 1.0}])
        save_batch(records, step)
    return records


def save_batch(records: list[RunRecord], step: int) -> None:
    """Save checkpoints of some runs of a batch, which are all that are left of it."""
    places = [BatchPlace("batch", step, order, len(records)) for order in range(len(records))]
    every = [replace(checkpoint_at(step, record), place=place) for record, place in zip(records, places, strict=True)]
    save([*zip(every, records, strict=True)])


def steps_of(records: list[RunRecord]) -> list[int | None]:
    """The steps from which runs are resumed."""
    checkpoints = restore([RunRecord(record.folder) for record in records])
    return [None if checkpoint is None else checkpoint.state.steps_taken for checkpoint in checkpoints]


def test_the_runs_of_a_batch_are_resumed_from_the_last_step_that_all_have_saved(batch: list[RunRecord]) -> None:
    assert steps_of(batch) == [4, 4, 4]
    save_batch(batch[:2], 6)  # and the process is killed
    assert steps_of(batch) == [4, 4, 4]
    assert [(record.files / CHECKPOINT).exists() for record in batch] == [False, False, True]
    assert steps_of(batch) == [4, 4, 4]


def test_where_one_checkpoint_of_a_batch_is_damaged_all_its_runs_are_resumed_from_the_one_before(
    batch: list[RunRecord], capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_bit(batch[1].files / CHECKPOINT, b"steps_taken")
    assert steps_of(batch) == [2, 2, 2]
    assert "resumed from step 2" in capsys.readouterr().err
