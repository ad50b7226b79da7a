import os
from pathlib import Path

import pytest
from checkpoints import checkpoint_at, saved_record

from descent.core.training.checkpoint import Checkpoint, TrainState, save
from descent.records.run import CHECKPOINT, STEPS, RunRecord


class KilledError(Exception):
    """What stands for a kill."""


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    """A record of three steps, with a checkpoint after the second."""
    return saved_record(tmp_path)


def load(record: RunRecord) -> Checkpoint:
    return Checkpoint.from_bytes((record.files / CHECKPOINT).read_bytes())


def test_a_checkpoint_is_what_was_saved(record: RunRecord) -> None:
    loaded = load(record)
    assert loaded.state == TrainState(2, 1.0)
    assert {name: value.tolist() for name, value in loaded.state_dict.items()} == {"x": [0.5]}
    assert (loaded.optimizer, loaded.schedule) == ({"state": {}}, None)


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: int) -> None:
        raise KilledError

    checkpoint = checkpoint_at(3, record)
    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KilledError):
        save([(checkpoint, record)])
    assert load(record).state.steps_taken == 2
    assert [row[0] for row in record.read(STEPS).rows] == [1, 2]


def test_a_checkpoint_of_which_any_bit_is_flipped_is_refused_or_the_same(record: RunRecord) -> None:
    whole = (record.files / CHECKPOINT).read_bytes()
    refused, expected = 0, repr(load(record))
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        try:
            loaded = Checkpoint.from_bytes(bytes(content))
        except Exception:  # whatever PyTorch or zipfile raise
            refused += 1
        else:
            assert repr(loaded) == expected, place
    assert refused > len(whole) / 3  # in the rest are names, times and padding
