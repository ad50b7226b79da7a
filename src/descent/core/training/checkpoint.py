"""A checkpoint: what training is resumed from, whether the run was trained alone or in a batch."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Self

import torch
from torch import Tensor

from descent.records.run import Position, RunRecord

CHECKPOINT = "checkpoint.ckpt"
PREVIOUS = "checkpoint.previous.ckpt"


@dataclass
class TrainState:
    """How far a run is.

    Args:
        steps_taken: the number of steps.
        seconds: what they took: examples gathered, losses, gradients and their norms, the optimizer and its schedule.
            Not the order of the examples, evaluations, the record or checkpoints. Each run of a batch counts an equal
            share.
        diverged: whether it diverged.
        reached_target: whether it left training because it had reached its target.
        stopped: whether it left training because others of its batch were better.
        runs_in_batch: the number of runs that it is trained with, itself among them.
        gradient_evaluations: how often the loss and its gradient were computed: once a step, and more often for an
            optimizer that takes a closure.
    """

    steps_taken: int = 0
    seconds: float = 0.0
    diverged: bool = False
    reached_target: bool = False
    stopped: bool = False
    runs_in_batch: int = 1
    gradient_evaluations: int = 0

    @property
    def has_left(self) -> bool:
        """Whether it left training, maybe before its last step."""
        return self.diverged or self.reached_target or self.stopped


@dataclass(frozen=True)
class OptimizerState:
    """The state of an optimizer and of its learning-rate schedule, None for a constant one."""

    optimizer: dict[str, Any]
    schedule: dict[str, Any] | None


@dataclass(frozen=True)
class BatchPlace:
    """A run's place in a batch, on which the rounding of its steps depends.

    Args:
        batch: the batch's id.
        steps_taken: how many steps the batch has taken.
        order: the run's number among all runs of the batch.
        size: how many of these are still in training.
    """

    batch: str
    steps_taken: int
    order: int
    size: int


@dataclass(frozen=True)
class Checkpoint:
    """A run after one of its steps, as a file holds it.

    Args:
        state: how far it is.
        state_dict: the problem's.
        optimizer: the optimizer's state.
        schedule: the state of the learning-rate schedule; None for a constant one.
        position: how long the files of the record were.
        place: the run's in its batch; None for a run that is trained alone.
    """

    state: TrainState
    state_dict: dict[str, Tensor]
    optimizer: dict[str, Any]
    schedule: dict[str, Any] | None
    position: Position
    place: BatchPlace | None = None

    def save(self, folder: Path) -> None:
        """Write it so that a reader sees the old checkpoint or this one.

        Of a run of a batch the old one is kept: the process may be killed before the others of the batch have theirs.
        """
        aside, current = folder / f"{CHECKPOINT}.new", folder / CHECKPOINT
        place = None if self.place is None else vars(self.place)
        torch.save({**vars(self), "state": vars(self.state), "place": place}, aside)
        if place is not None and current.exists():
            current.replace(folder / PREVIOUS)
        aside.replace(current)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The last in a folder, on the CPU; None where there is none.

        Raises:
            TypeError: for one that holds objects, which loading could have run any code.
        """
        path = next((folder / name for name in (CHECKPOINT, PREVIOUS) if (folder / name).exists()), None)
        if path is None:
            return None
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            foreign = re.search(r"Unsupported global: GLOBAL (\S+)", str(error))
            if foreign is None:
                raise
            raise TypeError(f"it holds a {foreign[1]}, and a checkpoint only holds plain values and tensors") from error
        place = None if saved["place"] is None else BatchPlace(**saved["place"])
        return cls(**{**saved, "state": TrainState(**saved["state"]), "place": place})


def restore(records: Sequence[RunRecord]) -> list[Checkpoint | None]:
    """The checkpoints to resume runs from, with their records cut back to these; None for a run that starts.

    Runs of one batch are resumed from the same step of it: that of the last checkpoints which all of them have saved.
    """
    checkpoints = [Checkpoint.load(record.files) for record in records]
    saved_by_all: dict[str, int] = {}
    for checkpoint, record in zip(checkpoints, records, strict=True):
        if checkpoint is not None and checkpoint.place and checkpoint.position == record.committed():
            batch, steps = checkpoint.place.batch, checkpoint.place.steps_taken
            saved_by_all[batch] = max(steps, saved_by_all.get(batch, 0))
    return [_restore(checkpoint, record, saved_by_all) for checkpoint, record in zip(checkpoints, records, strict=True)]


def _restore(checkpoint: Checkpoint | None, record: RunRecord, saved_by_all: Mapping[str, int]) -> Checkpoint | None:
    place = None if checkpoint is None else checkpoint.place
    if place is not None and place.steps_taken > saved_by_all.get(place.batch, 0):
        (record.files / CHECKPOINT).unlink(missing_ok=True)
        checkpoint = Checkpoint.load(record.files)
    record.rewind({} if checkpoint is None else checkpoint.position)
    if checkpoint is not None:
        record.commit(checkpoint.position)
    return checkpoint


def save(checkpoints: Sequence[tuple[Checkpoint, RunRecord]]) -> None:
    """Save checkpoints of a run or of all runs of a batch, and then let readers of the records see what they cover."""
    for checkpoint, record in checkpoints:
        checkpoint.save(record.files)
    for checkpoint, record in checkpoints:
        record.commit(checkpoint.position)
