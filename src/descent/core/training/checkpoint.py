"""A checkpoint: what a descent is taken up from, whether it was trained alone or together with others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from descent.records.run import Position, RunRecord

CHECKPOINT = "checkpoint.ckpt"


@dataclass
class TrainState:
    """How far a descent is.

    Args:
        steps_taken: the number of steps.
        seconds: what they took: examples gathered, losses, gradients and their norms, the optimizer and its schedule.
            Not the order of the examples, evaluations, the record or checkpoints. Of runs trained together, an equal
            share each.
        diverged: whether it diverged.
    """

    steps_taken: int = 0
    seconds: float = 0.0
    diverged: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A descent at one of its steps, as a file holds it.

    Args:
        standing: how far it is.
        state_dict: the problem's.
        optimizer: the optimizer's state.
        schedule: the state of the learning-rate schedule; None for a constant one.
        position: how long the files of the record were.
    """

    standing: TrainState
    state_dict: dict[str, Tensor]
    optimizer: dict[str, Any]
    schedule: dict[str, Any] | None
    position: Position

    def save(self, folder: Path) -> None:
        """Write it so that a reader sees the old checkpoint or this one."""
        aside = folder / f"{CHECKPOINT}.new"
        torch.save({**vars(self), "standing": vars(self.standing)}, aside)
        aside.replace(folder / CHECKPOINT)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The one in a folder, on the CPU; None where there is none."""
        path = folder / CHECKPOINT
        if not path.exists():
            return None
        saved = torch.load(path, map_location="cpu", weights_only=True)
        return cls(**{**saved, "standing": TrainState(**saved["standing"])})


def taken_up(record: RunRecord) -> Checkpoint | None:
    """The checkpoint that a run goes on from, the record cut back to where that stands; None for one that starts."""
    checkpoint = Checkpoint.load(record.files)
    record.rewind({} if checkpoint is None else checkpoint.position)
    if checkpoint is not None:
        record.commit(checkpoint.position)
    return checkpoint


def save(checkpoint: Checkpoint, record: RunRecord) -> None:
    """Save a checkpoint, and let readers of the record see what it covers."""
    checkpoint.save(record.files)
    record.commit(checkpoint.position)
