"""Training of tracked runs: as batches, and each alone where it can't be in one."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from descent.core.build import assemble, shared_settings
from descent.core.config import TrainConfig
from descent.core.training.batching import batches
from descent.core.training.callbacks import Checkpointer, Evaluator, ProgressBar, StepLogger
from descent.core.training.loop import fit
from descent.core.training.resumption import restore
from descent.core.training.stopping import Halving, Stopping, TargetStopping, rungs
from descent.core.training.training_run import TrainingRun
from descent.errors import UserError
from descent.records.folder import now
from descent.records.listener import RecordListener
from descent.records.run import EVALUATIONS
from descent.runs.hydra_errors import one_line
from descent.runs.identity import RunRequest, RunResult, group_key
from descent.runs.pruning import TrialPruning
from descent.runs.tracked_run import TrackedRun, tracked_run
from descent.runs.trial import may_be_pruned

log = logging.getLogger(__name__)
LINES = 20
"""The most evaluations of a single run that are printed, besides the last."""


def train(config: TrainConfig, request: RunRequest | None = None, listener: RecordListener | None = None) -> RunResult:
    """Train what a configuration describes, unless it is done already, from where it was interrupted.

    Raises:
        UserError: for a configuration that can't be trained.
    """
    with tracked_run(config, request, listener) as run:
        train_runs([run])
    assert run.result is not None
    return run.result


def train_runs(runs: Sequence[TrackedRun]) -> None:
    """Train runs, as few batches as possible; what goes wrong with one is kept as its `error`.

    What goes wrong with a batch goes wrong with all its runs, and each is then trained alone.
    """
    _begin(runs)
    _refuse_unequal_halving(runs)
    tracked = {run.training: run for run in runs if run.training is not None}
    for training, run in tracked.items():
        # A shared optimizer rounds as the runs' own would, up to the last bits, which are all that a small problem has.
        if not training.problem.is_small():
            training.settings, training.rate = shared_settings(run.config, training.components)
    for batch in batches(list(tracked), _report):
        _train_batch([tracked[training] for training in batch])


def _begin(runs: Sequence[TrackedRun]) -> None:
    """Put those in training that have a step left to take, each at its start or at its last checkpoint."""
    unfinished = [(run, run.components) for run in runs if run.components is not None]
    checkpoints = restore([run.record for run, _ in unfinished])
    for (run, components), checkpoint in zip(unfinished, checkpoints, strict=True):
        run.training = TrainingRun(components, checkpoint)
        if checkpoint is not None:
            log.info("resumed from step %s", f"{run.training.state.steps_taken:,}")


def _refuse_unequal_halving(runs: Sequence[TrackedRun]) -> None:
    """Let all runs fail that are to be halved, but not alike, or with schedules of which one may only be slower.

    They are then in no training.
    """
    halved = [run for run in runs if run.config.halving is not None and run.training is not None]
    for name in ("schedule", "halving", "objective"):
        if len({json.dumps(run.config.to_dict()[name]) for run in halved}) > 1:
            for run in halved:
                run.error = UserError(
                    f"halving compares runs on their way, and these differ in {name}; use one for all"
                )
                run.training = None


def _stopping(runs: Mapping[TrainingRun, TrackedRun]) -> list[Stopping]:
    """What has runs of a batch leave training before their last step.

    Raises:
        UserError: for a single run that is to be halved.
    """
    first, config = next(iter(runs.items()))[0], next(iter(runs.values())).config
    targets = {training: run.config.reached for training, run in runs.items() if run.config.stop_at_target}
    stopping: list[Stopping] = [TargetStopping({training: target for training, target in targets.items() if target})]
    if may_be_pruned():
        stopping.append(TrialPruning(config.objective.criterion))
    if config.halving is not None:
        if len(runs) == 1 and not first.is_last_of_batch():
            reason = first.components.reason_alone or "hydra/launcher=fused trains the runs of a sweep as a batch"
            raise UserError(f"halving compares the runs of a batch, and this run is alone: {reason}")
        groups = {training: group_key(run.config) for training, run in runs.items()}
        steps = first.components.plan.steps
        on_rungs = rungs(config.halving.after, config.halving.keep, steps)
        stopping.append(Halving(on_rungs, config.halving.keep, config.objective.criterion, groups.__getitem__))
    return stopping


def _report(line: str) -> None:
    print(line, file=sys.stderr)


def _train_batch(runs: Sequence[TrackedRun]) -> None:
    try:
        train_batch(runs)
    except Exception as error:
        if len(runs) == 1:
            runs[0].error = error
            return
        _report(f"{len(runs)} runs are trained alone: as a batch, {type(error).__name__}: {one_line(error)}")
        for run in runs:
            run.components = assemble(run.config)  # whatever the failed training left behind
            _begin([run])
            _train_batch([run])


def train_batch(runs: Sequence[TrackedRun]) -> None:
    """Train a run, or runs of one batch, into their records; those that have no step left to take are left alone."""
    tracked = {run.training: run for run in runs if run.training is not None}
    if not tracked:
        return
    records = {training: run.record for training, run in tracked.items()}
    first, *others = tracked
    plan, trainer = first.components.plan, tracked[first].config.trainer
    printed = {*plan.evaluations[:: -(-len(plan.evaluations) // LINES)], plan.steps}

    def report(training: TrainingRun, metrics: Mapping[str, float]) -> None:
        step = training.state.steps_taken
        records[training].append(EVALUATIONS, [{"step": step, "timestamp": now(), **metrics}])
        if not others and step in printed:
            log.info("step %7s  %s", f"{step:,}", "  ".join(f"{name} {value:.4g}" for name, value in metrics.items()))

    def on_progress(training: TrainingRun) -> None:
        run = tracked[training]
        run.listener.on_progress(run.record.folder)

    callbacks = [
        Evaluator(plan, report, _stopping(tracked)),
        StepLogger(plan, records),  # after it, since a run that leaves then has its last snapshot
        Checkpointer(records, trainer.checkpoint_seconds, on_progress),
        ProgressBar(plan, f"{len(tracked)} runs" if others else None),
    ]
    # The files of many records would be more than a process may open; they are opened for each chunk.
    with nullcontext() if others else records[first]:
        fit(list(tracked), callbacks, trainer.chunk_size)
