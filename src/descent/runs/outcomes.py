"""Trains the runs of a suite on one of its problems, as batches, without records of their own."""

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from pytorch_lightning import Callback, Trainer
from tqdm import tqdm

from descent.core.build import assemble, data_of, optimizer_factory, problem_of, sampler_of, shared_settings
from descent.core.config import TrainConfig
from descent.core.training.batching import batches
from descent.core.training.callbacks import Evaluator, Metrics, ProgressBar
from descent.core.training.evaluation import result_of
from descent.core.training.loop import fit
from descent.core.training.training_run import RunComponents, TrainingRun
from descent.errors import UserError
from descent.records.criterion import STEPS_TO_TARGET, TRAIN_LOSS, Target
from descent.records.label import OPTIMIZER, RATE, SEED
from descent.records.outcomes import Outcome
from descent.runs.dry_run import dry_run


def train_outcomes(
    configs: Mapping[str, TrainConfig], rates: Mapping[str, Sequence[float]], seeds: Sequence[int]
) -> list[Outcome]:
    """Train a problem by each optimizer at each of its rates from each seed, as few batches as possible.

    Args:
        configs: of the problem by each optimizer, by its name; they have a target.
        rates: the learning rates of each optimizer.
        seeds: of the starts, the weights and the minibatches.

    Returns:
        The outcome of each run, with `steps_to_target` and the last evaluation.

    Raises:
        UserError: if a configuration can't be trained.
    """
    first = next(iter(configs.values()))
    target = first.reached
    assert target is not None  # which a suite has for each problem
    starts = _starts(first, seeds)
    runs: dict[TrainingRun, tuple[str, float, int]] = {}
    for optimizer, config in configs.items():
        config.refuse_early_ends("descent benchmark")
        components = assemble(config)
        dry_run(config, components)
        for rate in rates[optimizer]:
            at_rate = config.replaced(RATE, rate)
            of_rate = replace(components, optimizer=optimizer_factory(at_rate))
            settings, share = shared_settings(at_rate, of_rate)
            for seed, start in starts.items():
                of_seed = replace(
                    of_rate, problem=deepcopy(start.problem), data=start.data, sampler=start.sampler, seed=seed
                )
                runs[TrainingRun(of_seed, settings=settings, rate=share)] = optimizer, rate, seed
    steps, last = _train(list(runs), target, first)
    return [
        Outcome(
            {OPTIMIZER: optimizer, RATE: f"{rate:.4g}", SEED: str(seed)},
            result_of(run.problem, run.components.data.train, first.tolerance, diverged=run.state.diverged),
            run.state.steps_taken,
            {STEPS_TO_TARGET: steps.get(run, math.inf), **last[run]},
        )
        for run, (optimizer, rate, seed) in runs.items()
    ]


def _starts(config: TrainConfig, seeds: Sequence[int]) -> dict[int, RunComponents]:
    """What the seeds draw: problems at their starts, data, and samplers, of which a problem without data needs one."""
    components = assemble(config)
    starts = {}
    for of_seed in config.with_each("seed", seeds):
        data = data_of(of_seed)
        sampler = sampler_of(of_seed, data) if len(data.train) else components.sampler
        starts[of_seed.seed] = replace(components, problem=problem_of(of_seed), data=data, sampler=sampler)
    return starts


def _train(
    runs: Sequence[TrainingRun], target: Target, config: TrainConfig
) -> tuple[dict[TrainingRun, float], dict[TrainingRun, Metrics]]:
    """Train runs; the steps to the target of those that reach it, and the last evaluation of each."""
    steps: dict[TrainingRun, float] = {}
    last: dict[TrainingRun, Metrics] = {}
    plan = runs[0].components.plan

    def report(run: TrainingRun, metrics: Metrics) -> None:
        last[run] = metrics
        if target.criterion.metric not in metrics:
            raise UserError(
                f"target.metric={target.criterion.metric}: problem {config.problem_name} does not measure it"
            )
        if target.is_reached(metrics[target.criterion.metric]):
            steps.setdefault(run, float(run.state.steps_taken))

    for batch in batches(runs, tqdm.write):
        callbacks: list[Callback] = [
            Evaluator(plan, report, splits=[target.criterion.metric.rpartition("/")[2]]),
            ProgressBar(plan, f"{config.name}: {len(batch):,} runs"),
        ]
        if target.criterion.metric == TRAIN_LOSS and not len(batch[0].components.data.train):
            callbacks.insert(0, StepWatch(target, steps))
        fit(batch, callbacks, config.trainer.chunk_size)
    return steps, last


class StepWatch(Callback):
    """Notes the step after which the loss of each run first reached a target, by the losses before the steps.

    Args:
        target: of the loss in training, which the losses of the steps have to be.
        steps: of the runs that reached it, which is added to.
    """

    def __init__(self, target: Target, steps: dict[TrainingRun, float]) -> None:
        self.target, self.steps = target, steps

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Look through the losses of a chunk."""
        for block in outputs["blocks"]:
            if block.run not in self.steps:
                reached = (block.losses <= self.target.value).nonzero()
                if len(reached):
                    taken_before = block.run.state.steps_taken - len(block.losses)
                    self.steps[block.run] = float(taken_before + int(reached[0]))
