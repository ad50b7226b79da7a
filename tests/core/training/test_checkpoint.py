from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from descents import record_in

from descent.core.training.checkpoint import Checkpoint, TrainState, restore, save
from descent.core.training.plan import Plan
from descent.records.run import STEPS, RunRecord


class KilledError(Exception):
    """What stands for a kill."""


def checkpoint_at(step: int, record: RunRecord) -> Checkpoint:
    return Checkpoint(TrainState(step, 0.5 * step), {"x": torch.tensor([0.5])}, {"state": {}}, None, record.position())


@pytest.fixture
def record(tmp_path: Path) -> Iterator[RunRecord]:
    """A record of three steps, with a checkpoint after the second."""
    with record_in(tmp_path, Plan(9, (0, 9), (0, 9))) as record:
        for step in (1, 2, 3):
            record.append(STEPS, [{"step": step, "timestamp": step, "loss/step": 1.0}])
            if step == 2:
                save([(checkpoint_at(2, record), record)])
        record.position()  # which writes out what was appended
        yield record


def test_a_checkpoint_is_what_was_saved(record: RunRecord) -> None:
    loaded = Checkpoint.load(record.files)
    assert loaded is not None
    assert loaded.state == TrainState(2, 1.0)
    assert {name: value.tolist() for name, value in loaded.state_dict.items()} == {"x": [0.5]}
    assert (loaded.optimizer, loaded.schedule) == ({"state": {}}, None)


def test_a_run_is_resumed_from_its_checkpoint_with_the_record_as_it_was(record: RunRecord) -> None:
    assert [row[0] for row in record.read(STEPS).rows] == [1, 2]
    again = RunRecord(record.folder)
    (loaded,) = restore([again])
    assert loaded is not None
    assert loaded.state.steps_taken == 2
    assert len((record.folder / "record" / STEPS).read_text().splitlines()) == 1 + 2


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Any, path: Path) -> None:
        path.write_bytes(b"PK half a checkpoint")
        raise KilledError

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KilledError):
        save([(checkpoint_at(3, record), record)])
    loaded = Checkpoint.load(record.files)
    assert loaded is not None
    assert loaded.state.steps_taken == 2
    assert [row[0] for row in record.read(STEPS).rows] == [1, 2]


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
