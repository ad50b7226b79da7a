"""Checkpoints that a run and its record are taken up from together."""

import time
from collections.abc import Callable
from typing import Any

from pytorch_lightning import Callback, Trainer

from descent.core.training.checkpoint import save
from descent.core.training.module import Descent
from descent.records.run import RunRecord


class Checkpointing(Callback):
    """Saves a checkpoint when the last is `seconds` old, and one at the end.

    Each holds how long the record's files were. StepBlock up again, the record is cut back to that, so that no step
    stands in it twice; and its readers are shown only what a checkpoint covers.

    Args:
        record: the run's.
        seconds: the age at which a checkpoint is replaced.
        on_progress: told whenever readers can see more of the record.
    """

    def __init__(self, record: RunRecord, seconds: float, on_progress: Callable[[], None]) -> None:
        self.record, self.seconds, self.on_progress = record, seconds, on_progress
        self.saved = time.monotonic()

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
            self._save(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Save the end."""
        self._save(pl_module)

    def _save(self, module: Descent) -> None:
        save(module.checkpoint(self.record.position()), self.record)
        self.saved = time.monotonic()
        self.on_progress()
