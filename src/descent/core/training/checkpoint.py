"""A checkpoint: what training is resumed from, whether the run was trained alone or in a batch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from descent.records.run import Position, RunRecord

CHECKPOINT = "checkpoint.ckpt"


@dataclass
class TrainState:
    """How far a run is.

    Args:
        steps_taken: the number of steps.
        seconds: what they took: examples gathered, losses, gradients and their norms, the optimizer and its schedule.
            Not the order of the examples, evaluations, the record or checkpoints. Each run of a batch counts an equal
            share.
        diverged: whether it diverged.
        gradient_evaluations: how often the loss and its gradient were computed: once a step, and more often for an
            optimizer that takes a closure.
    """

    steps_taken: int = 0
    seconds: float = 0.0
    diverged: bool = False
    gradient_evaluations: int = 0


@dataclass(frozen=True)
class OptimizerState:
    """The state of an optimizer and of its learning-rate schedule, None for a constant one."""

    optimizer: dict[str, Any]
    schedule: dict[str, Any] | None


@dataclass(frozen=True)
class Checkpoint:
    """A run after one of its steps, as a file holds it.

    Args:
        state: how far it is.
        state_dict: the problem's.
        optimizer: the optimizer's state.
        schedule: the state of the learning-rate schedule; None for a constant one.
        position: how long the files of the record were.
    """

    state: TrainState
    state_dict: dict[str, Tensor]
    optimizer: dict[str, Any]
    schedule: dict[str, Any] | None
    position: Position

    def save(self, folder: Path) -> None:
        """Write it so that a reader sees the old checkpoint or this one."""
        aside = folder / f"{CHECKPOINT}.new"
        torch.save({**vars(self), "state": vars(self.state)}, aside)
        aside.replace(folder / CHECKPOINT)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The one in a folder, on the CPU; None where there is none."""
        path = folder / CHECKPOINT
        if not path.exists():
            return None
        saved = torch.load(path, map_location="cpu", weights_only=True)
        return cls(**{**saved, "state": TrainState(**saved["state"])})


def restore(record: RunRecord) -> Checkpoint | None:
    """The checkpoint to resume a run from, with the record cut back to it; None for a run that starts."""
    checkpoint = Checkpoint.load(record.files)
    record.rewind({} if checkpoint is None else checkpoint.position)
    if checkpoint is not None:
        record.commit(checkpoint.position)
    return checkpoint


def save(checkpoint: Checkpoint, record: RunRecord) -> None:
    """Save a checkpoint, and let readers of the record see what it covers."""
    checkpoint.save(record.files)
    record.commit(checkpoint.position)
