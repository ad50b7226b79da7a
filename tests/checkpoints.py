"""A record with a checkpoint, for tests."""

from pathlib import Path

import torch
from descents import record_in

from descent.core.training.checkpoint import Checkpoint, TrainState, save
from descent.core.training.plan import Plan
from descent.records.run import STEPS, RunRecord


def checkpoint_at(step: int, record: RunRecord) -> Checkpoint:
    return Checkpoint(TrainState(step, 0.5 * step), {"x": torch.tensor([0.5])}, {"state": {}}, None, record.position())


def saved_record(folder: Path) -> RunRecord:
    """A record of three steps, with a checkpoint after the second."""
    with record_in(folder, Plan(9, (0, 9), (0, 9))) as record:
        for step in (1, 2, 3):
            record.append(STEPS, [{"step": step, "timestamp": step, "loss/step": 1.0}])
            if step == 2:
                save([(checkpoint_at(2, record), record)])
        record.position()  # which writes out what was appended
    return record
