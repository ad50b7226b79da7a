"""What a run reaches on its way, in the run record."""

import logging
from typing import Any

from pytorch_lightning import Callback, Trainer

from descent.core.data.examples import Data
from descent.core.training.evaluation import evaluate
from descent.core.training.module import Descent
from descent.core.training.plan import Plan
from descent.core.training.rows import append_evaluation
from descent.records.run import RunRecord

log = logging.getLogger(__name__)


class Evaluating(Callback):
    """Evaluates at the steps the plan names, and at the start and the end, into the record."""

    def __init__(self, plan: Plan, data: Data, record: RunRecord) -> None:
        self.steps, self.data, self.record = frozenset(plan.evaluations), data, record

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Move all examples to the device, once, and evaluate the start."""
        module: Descent = pl_module
        test = None if self.data.test is None else self.data.test.to(module.device)
        self.data = Data(train=module.examples, test=test, files=self.data.files)
        if module.standing.steps_taken == 0:
            self._evaluate(module)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Evaluate if this is the step to, or the last."""
        if pl_module.standing.steps_taken in self.steps or pl_module.standing.diverged:
            self._evaluate(pl_module)

    def _evaluate(self, module: Descent) -> None:
        (metrics,) = evaluate([module.problem], self.data)
        append_evaluation(self.record, module.standing.steps_taken, metrics)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        log.info("step %7s  %s", f"{module.standing.steps_taken:,}", shown)
