"""A run in training: what it is made of, and how far it is."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Data
from descent.core.optim.gradients import Accumulated, GradientEstimator
from descent.core.optim.param_groups import NamedParameters
from descent.core.problems.problem import Problem
from descent.core.training.checkpoint import Checkpoint, OptimizerState, TrainState
from descent.core.training.plan import Plan
from descent.records.run import Landscape


@dataclass(frozen=True)
class RunComponents:
    """What a run is made of.

    Args:
        problem: what is minimised, at its start.
        data: what it is trained and tested on.
        sampler: the minibatches of each step.
        plan: how many steps, and after which of them the run is evaluated or its position kept.
        gradient_estimator: one of `descent.core.optim.gradients`.
        optimizer: makes the optimizer of named parameters.
        schedule: makes the learning-rate schedule of an optimizer, or None for a constant one.
        landscape: one of `descent.core.training.landscape`.
        accelerator: what it is computed on: `cpu`, `cuda` or `mps`.
        seed: the run's.
        divergence_threshold: how far from 0 the position of a small problem may go before the run counts as diverged.
        clip_norm: the largest norm of a step's gradient, to which a larger one is scaled; None for any.
        micro_batch_size: how many examples of a minibatch have their gradient computed at once; None for all.
        draws_random: whether a training step draws random numbers, as Dropout and some optimizers do.
        reason_alone: why the run is trained alone, whatever others there are; None if it may be in a batch.
        kind: equal for runs whose problems differ in nothing but their parameters.
    """

    problem: Problem
    data: Data
    sampler: BatchSampler
    plan: Plan
    gradient_estimator: GradientEstimator
    optimizer: Callable[[NamedParameters], Optimizer]
    schedule: Callable[[Optimizer], LRScheduler | None]
    landscape: Callable[..., Landscape]
    accelerator: str = "cpu"
    seed: int = 0
    divergence_threshold: float = math.inf
    clip_norm: float | None = None
    micro_batch_size: int | None = None
    draws_random: bool = False
    reason_alone: str | None = None
    kind: Hashable = None

    @property
    def minibatch_gradient(self) -> GradientEstimator:
        """What fills the gradients for a whole minibatch, of which `gradient_estimator` may take parts only."""
        if self.micro_batch_size is None:
            return self.gradient_estimator
        return Accumulated(self.gradient_estimator, self.micro_batch_size)


@dataclass(eq=False)
class TrainingRun:
    """A run in training.

    Args:
        components: what it is made of; its problem is trained in place.
        restored_from: the checkpoint that it is resumed from, if it is.
        settings: equal for runs that one optimizer may step as a batch; None for a run that needs its own.
        rate: the optimizer's learning rate where runs of equal settings have several: then every step is proportional
            to it, and the schedule a constant one.
        state: how far it is.
        final_state: the optimizer's state where the run has left its batch.
    """

    components: RunComponents
    restored_from: Checkpoint | None = None
    settings: Hashable = None
    rate: float = 1.0
    state: TrainState = field(default_factory=TrainState)
    final_state: OptimizerState | None = None

    def __post_init__(self) -> None:
        if self.restored_from is not None:
            self.problem.load_state_dict(self.restored_from.state_dict)
            self.state = self.restored_from.state

    @property
    def problem(self) -> Problem:
        """What it minimises, at its position."""
        return self.components.problem

    def is_over(self) -> bool:
        """Whether all its steps are taken, or it has left training."""
        return self.state.has_left or self.state.steps_taken == self.components.plan.steps

    def is_last_of_batch(self) -> bool:
        """Whether it is resumed as the only run left in its batch, all others of which have left training."""
        place = None if self.restored_from is None else self.restored_from.place
        return place is not None and place.size == 1 and not self.is_over()

    def is_due(self, steps: "frozenset[int]") -> bool:
        """Whether it is after one of these steps, or has left training."""
        return self.state.steps_taken in steps or self.state.has_left


def place(runs: Sequence[TrainingRun], device: torch.device) -> None:
    """Move runs to a device, data that several share once."""
    data = {id(run.components.data): run.components.data for run in runs}
    moved = {key: on_cpu.to(device) for key, on_cpu in data.items()}
    for run in runs:
        run.problem.to(device)
        run.components = replace(run.components, data=moved[id(run.components.data)])
