"""A map of basins: the outcome of a run for every start at every learning rate, all trained as batches."""

import csv
import io
import math
from collections.abc import Hashable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pytorch_lightning import Callback, Trainer
from torch import Tensor
from tqdm import tqdm

from descent.core.build import assemble, data_of, sampler_of, shared_settings
from descent.core.config import TrainConfig
from descent.core.data.examples import Minibatch
from descent.core.optim.gradients import Autograd
from descent.core.problems.minima import REACH, minima_of
from descent.core.problems.positions import gradients_at
from descent.core.problems.problem import Problem
from descent.core.training.batching import batches
from descent.core.training.callbacks import ProgressBar
from descent.core.training.loop import fit
from descent.core.training.plan import Plan
from descent.core.training.training_run import RunComponents, TrainingRun
from descent.errors import UserError

ELSEWHERE, TOO_SLOW, OSCILLATES, DIVERGED = OTHERS = (
    "at rest elsewhere",
    "too slow, not at rest yet",
    "oscillates",
    "diverged",
)
"""The outcomes of runs that reach no minimum."""
LAST_STEPS = 10
"""In each of so many last steps, the loss of a run that is only too slow falls."""


@dataclass(frozen=True)
class Basins:
    """A map of starts, a column each, and learning rates, a row each.

    Args:
        starts: (columns,), the first component of where the runs start.
        rates: (rows,), in order.
        minima: (minima, components), the lowest first.
        counts: (minima + 4, rows, columns), how many of a cell's runs reached each of the minima, are at rest
            elsewhere, are too slow, oscillate, and diverged.
    """

    starts: NDArray[np.float64]
    rates: NDArray[np.float64]
    minima: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def outcomes(self) -> list[str]:
        """The names of the outcomes, in the order of `counts`."""
        positions = [", ".join(f"{round(value, 2) + 0.0:g}" for value in minimum) for minimum in self.minima.tolist()]
        minima = [f"at the minimum ({where})" if "," in where else f"at the minimum {where}" for where in positions]
        return [*minima, *OTHERS]

    @property
    def runs(self) -> int:
        """The number of runs of a cell."""
        return int(self.counts[:, 0, 0].sum())

    def table(self) -> str:
        """A row for each cell, as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["start", "lr", *self.outcomes])
        for row, rate in enumerate(self.rates.tolist()):
            for column, start in enumerate(self.starts.tolist()):
                writer.writerow([start, rate, *self.counts[:, row, column].tolist()])
        return text.getvalue()


def basins(config: TrainConfig) -> Basins:
    """Train from every start at every learning rate of `config.basin`, from each of its seeds.

    A run without data has reached a minimum if it is at rest there: the norm of its gradient is within the tolerance. A
    run whose steps see different minibatches is never at rest; it counts for the nearest minimum.

    Raises:
        UserError: if the configuration can't be trained, or not as a map.
    """
    basin = config.basin
    components = assemble(config)
    problem, data, steps = components.problem, components.data, components.plan.steps
    if problem.size() > 2 or not isinstance(components.gradient_estimator, Autograd):
        raise UserError(f"{config.name}: a map takes a problem of one or two parameters, and gradient=autograd")
    if components.draws_random:
        raise UserError(f"{config.name}: a map takes steps that draw no random numbers")
    if basin is None or basin.starts is None:
        raise UserError("basin.starts=null: choose two numbers, the lower first")
    low, high = basin.starts
    starts = torch.linspace(low, high, basin.cells, dtype=torch.float64)
    first, last = (math.log10(rate) for rate in basin.rates)
    rates = torch.logspace(first, last, basin.cells, dtype=torch.float64)
    plan = Plan(steps, evaluations=(0, steps), snapshots=(0, steps))
    rows = [_row(config.replaced("optimizer.lr", rate), plan) for rate in rates.tolist()]
    all_examples = data.train.head(len(data.train))
    minima = minima_of(problem, all_examples, low, high)
    counts = torch.zeros(len(minima) + len(OTHERS), len(rates), len(starts), dtype=torch.int64)
    is_one_batch = False
    for seed in range(config.seed, config.seed + basin.seeds):
        runs = _runs(config.replaced("seed", seed), rows, problem, starts)
        # Comparing each run of a batch with itself alone takes as long as many steps; seeds change no code.
        groups = [runs] if is_one_batch else list(batches(runs, tqdm.write))
        is_one_batch = len(groups) == 1
        last_losses = LastLosses()
        for batch in groups:
            callbacks = [last_losses, ProgressBar(plan, f"{config.name} seed={seed}")]
            fit(batch, callbacks, config.trainer.chunk_size)
        is_slow = torch.tensor([last_losses.all_fall(run) for run in runs])
        counts += _outcomes(runs, minima, all_examples, config.tolerance, is_slow).view_as(counts)
    return Basins(starts.numpy(), rates.numpy(), minima.numpy(), counts.numpy())


class LastLosses(Callback):
    """Keeps the losses of each run's last steps."""

    def __init__(self) -> None:
        self.losses: dict[TrainingRun, Tensor] = {}

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Keep those of a chunk."""
        for block in outputs["blocks"]:
            before = self.losses.get(block.run, block.losses[:0])
            self.losses[block.run] = torch.cat([before, block.losses])[-LAST_STEPS:]

    def all_fall(self, run: TrainingRun) -> bool:
        """Whether each of a run's last losses is lower than the one before."""
        return bool((self.losses[run].diff() < 0).all())


def _row(config: TrainConfig, plan: Plan) -> tuple[RunComponents, Hashable, float]:
    """What runs of one rate have in common: their components, and the settings and the rate of their optimizer."""
    components = replace(assemble(config), plan=plan)
    return components, *shared_settings(config, components)


def _runs(
    config: TrainConfig, rows: Sequence[tuple[RunComponents, Hashable, float]], problem: Problem, starts: Tensor
) -> list[TrainingRun]:
    """The runs of a seed, in the order of the rates, and of the starts for each."""
    data = data_of(config)
    sampler = sampler_of(config, data)
    return [
        TrainingRun(
            replace(components, problem=_at(problem, start), data=data, sampler=sampler, seed=config.seed),
            settings=settings,
            rate=rate,
        )
        for components, settings, rate in rows
        for start in starts
    ]


def _at(problem: Problem, start: Tensor) -> Problem:
    """A copy of a problem with another first component."""
    moved = deepcopy(problem)
    with torch.no_grad():
        next(moved.parameters())[0] = start
    return moved


def _outcomes(
    runs: Sequence[TrainingRun], minima: Tensor, all_examples: Minibatch, tolerance: float, is_slow: Tensor
) -> Tensor:
    """The outcome of each run as a one-hot column: (outcomes, runs)."""
    problem = runs[0].problem
    ends = torch.tensor([run.problem.position() for run in runs], dtype=torch.float64)
    has_diverged = torch.tensor([run.state.diverged for run in runs])
    elsewhere, too_slow, oscillates, diverged = (len(minima) + place for place in range(len(OTHERS)))
    distances = torch.cdist(ends.nan_to_num(), minima) if len(minima) else torch.full((len(ends), 1), math.inf)
    nearest = distances.argmin(dim=1)
    if all_examples:
        outcome = nearest if len(minima) else torch.full_like(nearest, oscillates)
    else:
        at_rest = gradients_at(problem, all_examples, ends).norm(dim=1) <= tolerance
        arrived = torch.where(distances.amin(dim=1) <= REACH, nearest, elsewhere)
        outcome = torch.where(at_rest, arrived, torch.where(is_slow, too_slow, oscillates))
    outcome = torch.where(has_diverged, diverged, outcome)
    return F.one_hot(outcome, diverged + 1).T
