"""What is done with runs on their way, after each chunk of steps: recorded, evaluated, saved and shown.

All are callbacks of Lightning's, whose module is a `Descent`, of one run or of a batch of them.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from pytorch_lightning import Callback, Trainer
from torch.nn.utils import parameters_to_vector

from descent.core.data.examples import Data
from descent.core.training.checkpoint import save
from descent.core.training.evaluation import evaluate
from descent.core.training.module import Descent
from descent.core.training.plan import Plan
from descent.core.training.progress import progress_bar
from descent.core.training.stepper import StepBlock
from descent.core.training.stopping import Stopping
from descent.core.training.training_run import TrainingRun
from descent.records.folder import now
from descent.records.run import STEPS, TRAJECTORY, RunRecord, coordinates

Metrics = dict[str, float]
LARGEST_SHARE = 0.05
"""Of the time, that checkpoints take if it can be helped."""


class StepLogger(Callback):
    """Appends a row for each step to a run's record, and the planned snapshots of positions too large for a row."""

    def __init__(self, plan: Plan, records: Mapping[TrainingRun, RunRecord]) -> None:
        self.snapshots, self.records = frozenset(plan.snapshots), records

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Append the start."""
        if pl_module.stepper.steps_taken == 0:
            for run, record in self.records.items():
                append_snapshot(run, record)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Append what a chunk did."""
        for block in outputs["blocks"]:
            record = self.records[block.run]
            record.append(STEPS, rows_of(block))
            if block.run.is_due(self.snapshots):
                append_snapshot(block.run, record)


def rows_of(block: StepBlock) -> list[dict[str, float | None]]:
    """The rows of a block's steps."""
    timestamp, first = now(), block.run.state.steps_taken - len(block.losses) + 1
    numbers = zip(block.losses.tolist(), block.grad_norms.tolist(), block.rates.tolist(), strict=True)
    rows: list[dict[str, float | None]] = [
        {
            "step": step,
            "timestamp": timestamp,
            "loss/step": loss,
            "grad_norm": norm,
            "lr": None if math.isnan(rate) else rate,
        }
        for step, (loss, norm, rate) in enumerate(numbers, start=first)
    ]
    for row, position in zip(rows, block.positions.tolist(), strict=False):
        row.update(zip(coordinates(len(position)), position, strict=True))
    return rows


def append_snapshot(run: TrainingRun, record: RunRecord) -> None:
    """Append the position of a problem that is too large for its position to be in the rows."""
    if not run.problem.is_small():
        position = parameters_to_vector(run.problem.parameters()).detach()
        record.append_bytes(TRAJECTORY, position.float().cpu().numpy().tobytes())


class Evaluator(Callback):
    """Evaluates runs at the planned steps, those that share their data at once; some of them then leave training.

    Args:
        plan: the runs'.
        report: is called with each run and its metrics.
        stopping: say which runs leave.
        splits: of the examples, on which runs are measured on their way; all where None, as at their ends.
    """

    def __init__(
        self,
        plan: Plan,
        report: Callable[[TrainingRun, Metrics], None],
        stopping: Sequence[Stopping] = (),
        splits: Collection[str] | None = None,
    ) -> None:
        self.steps, self.report, self.stopping = frozenset(plan.evaluations), report, stopping
        self.splits = splits

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Evaluate the start."""
        if pl_module.stepper.steps_taken == 0:
            self._evaluate(pl_module, pl_module.stepper.runs)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Evaluate the runs for which it is the step to, or the last."""
        runs = [block.run for block in outputs["blocks"]]
        evaluated = self._evaluate(pl_module, [run for run in runs if run.is_due(self.steps)])
        for stopping in self.stopping:
            leaving = stopping({run: metrics for run, metrics in evaluated.items() if not run.is_over()})
            if leaving:
                pl_module.stepper.leave(leaving)
                trainer.should_stop = not pl_module.stepper.runs

    def _evaluate(self, module: Descent, runs: Sequence[TrainingRun]) -> dict[TrainingRun, Metrics]:
        evaluated: dict[TrainingRun, Metrics] = {}
        if not runs:
            return evaluated
        sharing: dict[tuple[int, bool], tuple[Data, list[TrainingRun]]] = {}
        for run in runs:
            data = run.components.data
            sharing.setdefault((id(data), run.is_over()), (data, []))[1].append(run)
        with module.stepper.evaluating():
            for (_, is_over), (data, group) in sharing.items():
                metrics = evaluate([run.problem for run in group], data, None if is_over else self.splits)
                evaluated.update(zip(group, metrics, strict=True))
        for run, metrics_of_run in evaluated.items():
            self.report(run, metrics_of_run)
        return evaluated


class Checkpointer(Callback):
    """Saves a checkpoint of all runs when the last is `seconds` old, and at the end; none of a run once it is over.

    Where saving takes long, it is done less often: in a twentieth of the time, but at least every 20 times `seconds`.

    Each holds how long the record's files were. A run that is resumed has its record cut back to that, so that no step
    is in it twice; and its readers see only what a checkpoint covers.

    Args:
        records: the runs'.
        seconds: the age at which a checkpoint is replaced.
        on_progress: is called with each run of which readers can see more.
    """

    def __init__(
        self, records: Mapping[TrainingRun, RunRecord], seconds: float, on_progress: Callable[[TrainingRun], None]
    ) -> None:
        self.records, self.seconds, self.on_progress = records, seconds, on_progress
        self.next_save = time.monotonic() + seconds
        self.unsaved = list(records)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save all runs if it is time to, or if this is the last chunk."""
        started = time.monotonic()
        if started >= self.next_save or trainer.should_stop or all(run.is_over() for run in self.records):
            self._save(pl_module)
            ended = time.monotonic()
            self.next_save = ended + min(max(self.seconds, (ended - started) / LARGEST_SHARE), 20 * self.seconds)

    def _save(self, module: Descent) -> None:
        records = {run: self.records[run] for run in self.unsaved}
        save([(module.stepper.checkpoint(run, record.position()), record) for run, record in records.items()])
        for run in records:
            self.on_progress(run)
        self.unsaved = [run for run in records if not run.is_over()]


class ProgressBar(Callback):
    """A bar of the steps taken, on a terminal or in a notebook."""

    def __init__(self, plan: Plan, description: str | None = None) -> None:
        self.plan, self.description = plan, description
        self.until_removed = ExitStack()

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Show the bar, from the first step that is still to take."""
        taken = pl_module.stepper.steps_taken
        bar = progress_bar(desc=self.description, total=self.plan.steps, initial=taken, unit="step")
        self.bar = self.until_removed.enter_context(bar)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update it."""
        blocks: list[StepBlock] = outputs["blocks"]
        if len(blocks) == 1:
            self.bar.set_postfix(loss=f"{blocks[0].losses[-1]:.4f}", refresh=False)
        self.bar.update(pl_module.stepper.steps_taken - self.bar.n)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Remove it."""
        self.until_removed.close()

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:
        """Remove it."""
        self.until_removed.close()
