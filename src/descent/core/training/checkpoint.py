"""A checkpoint: what training is resumed from, whether the run was trained alone or in a batch."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Self
from zipfile import ZipFile

import torch
from torch import Tensor

from descent.records.files import flush, write_atomically
from descent.records.run import CHECKPOINT, PREVIOUS, RunRecord
from descent.records.tables import Extent, Position


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
        position: how far the files of the record were.
        place: the run's in its batch; None for a run that is trained alone.
    """

    state: TrainState
    state_dict: dict[str, Tensor]
    optimizer: dict[str, Any]
    schedule: dict[str, Any] | None
    position: Position
    place: BatchPlace | None = None

    def save(self, folder: Path) -> None:
        """Write it so that a reader sees the old checkpoint or this one, and keep the old one as the one before."""
        place = None if self.place is None else vars(self.place)
        position = {name: tuple(extent) for name, extent in self.position.items()}
        content = io.BytesIO()
        torch.save({**vars(self), "state": vars(self.state), "position": position, "place": place}, content)
        write_atomically(folder / CHECKPOINT, content.getbuffer(), previous=folder / PREVIOUS)
        flush(folder)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The checkpoint that is in a file of this content, on the CPU.

        Raises:
            TypeError: for one that holds objects, which loading could have run any code.
            ValueError: if a bit has flipped, or an earlier version of Descent wrote it.
            Exception: of any kind, for a damaged one.
        """
        with ZipFile(io.BytesIO(content)) as archive:  # PyTorch does not check its checksums
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} differs")
        try:
            saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            foreign = re.search(r"(?:Unsupported global: |unsupported )GLOBAL (\S+)", str(error))
            if foreign is None:
                raise
            raise TypeError(f"it holds a {foreign[1]}, and a checkpoint only holds plain values and tensors") from error
        if not all(isinstance(extent, tuple) for extent in saved["position"].values()):  # lengths, without digests
            raise ValueError("an earlier version of Descent wrote it")
        place = None if saved["place"] is None else BatchPlace(**saved["place"])
        position = {name: Extent(*extent) for name, extent in saved["position"].items()}
        return cls(**{**saved, "state": TrainState(**saved["state"]), "position": position, "place": place})


def save(checkpoints: Sequence[tuple[Checkpoint, RunRecord]]) -> None:
    """Save checkpoints of a run or of all runs of a batch, and then let readers of the records see what they cover."""
    for checkpoint, record in checkpoints:
        checkpoint.save(record.files)
    for checkpoint, record in checkpoints:
        record.commit(checkpoint.position)
