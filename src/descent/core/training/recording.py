"""What every step leaves in the run record."""

from typing import Any

from pytorch_lightning import Callback, Trainer

from descent.core.training.plan import Plan
from descent.core.training.rows import visit
from descent.records.run import STEPS, RunRecord


class Recording(Callback):
    """Appends every step's row, and the positions the plan wants of problems too large to be in the rows."""

    def __init__(self, plan: Plan, record: RunRecord) -> None:
        self.snapshots, self.record = frozenset(plan.snapshots), record

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Keep the start."""
        if pl_module.standing.steps_taken == 0:
            visit(pl_module.problem, self.record)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Append the rows of a chunk."""
        self.record.append(STEPS, outputs["rows"])
        if pl_module.standing.steps_taken in self.snapshots or pl_module.standing.diverged:
            visit(pl_module.problem, self.record)
