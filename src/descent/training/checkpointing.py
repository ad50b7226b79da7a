"""Checkpoints that a run and its record are taken up from together."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, Trainer

from descent.tracking.record import Position, RunRecord

CHECKPOINT = "checkpoint.ckpt"


class Checkpointing(Callback):
    """Saves a checkpoint when the last is `seconds` old, and one at the end.

    Each holds how long the record's files were. Taken up again, the record is cut back to that, so that no step
    stands in it twice; and its readers are shown only what a checkpoint covers.

    Args:
        record: the run's.
        seconds: the age at which a checkpoint is replaced.
        notify: told whenever readers can see more of the record.
    """

    def __init__(self, record: RunRecord, seconds: float, notify: Callable[[], None]) -> None:
        self.record, self.seconds, self.notify = record, seconds, notify
        self.position: Position = {}
        self.saved = time.monotonic()

    @property
    def path(self) -> Path:
        """Where the checkpoint is."""
        return self.record.folder / CHECKPOINT

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save, if it is time to."""
        if time.monotonic() - self.saved >= self.seconds:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Save the end."""
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        self.position = self.record.position()
        aside = self.path.with_name(CHECKPOINT + ".new")
        trainer.save_checkpoint(aside)
        aside.replace(self.path)
        self.record.commit(self.position)
        self.saved = time.monotonic()
        self.notify()

    def state_dict(self) -> dict[str, Any]:
        """How long the record's files are."""
        return {"position": self.position}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Cut the record back to where the checkpoint stands."""
        self.position = state_dict["position"]
        self.record.rewind(self.position)
        self.record.commit(self.position)
