"""Trains the descents of the lesson, those on one surface as a batch, without records of their own."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from pytorch_lightning import Callback, Trainer
from torch import Tensor
from tqdm import tqdm

from descent.core.build import assemble, optimizer_factory, problem_of, shared_settings
from descent.core.config import TrainConfig
from descent.core.problems.minima import REACH
from descent.core.problems.positions import gradients_at, losses_at
from descent.core.problems.surface import Surface
from descent.core.training.batching import batches
from descent.core.training.callbacks import Evaluator, Metrics, ProgressBar
from descent.core.training.landscape import HEIGHTS
from descent.core.training.loop import fit
from descent.core.training.plan import Plan
from descent.core.training.training_run import TrainingRun
from descent.errors import UserError
from descent.project import project_root
from descent.records.criterion import TRAIN_LOSS
from descent.records.label import RATE
from descent.records.lesson import AT_REST, LESSON, SurfaceDescents, write_lesson
from descent.runs.composition import composed, typed
from descent.runs.dry_run import dry_run
from descent.runs.lesson_config import LessonConfig, LessonSurface
from descent.runs.suite import rates_between

Array = NDArray[Any]


def train_lesson(config: LessonConfig) -> Path:
    """Train all descents of the lesson, and write its record.

    Returns:
        The folder of the lesson.

    Raises:
        UserError: if one of the surfaces can't be trained, or is none of two coordinates.
    """
    folder: Path = project_root() / LESSON
    surfaces = {name: _descents(name, surface, config) for name, surface in config.surfaces.items()}
    write_lesson(folder, surfaces, OmegaConf.to_yaml(OmegaConf.create(config.to_dict())))
    return folder


def _descents(name: str, surface: LessonSurface, config: LessonConfig) -> SurfaceDescents:
    """The descents on a surface by each optimizer, at each of its rates, from each start."""
    configs = {optimizer: _config(name, optimizer, config.steps) for optimizer in config.optimizers}
    first = next(iter(configs.values()))
    problem = problem_of(first)
    if not isinstance(problem, Surface) or problem.size() != 2:
        raise UserError(f"surfaces.{name}: a lesson takes a surface of two coordinates")
    ends = [optimizer.rates or surface.rates for optimizer in config.optimizers.values()]
    rates = np.array([rates_between(low, high, config.rates) for low, high in ends])
    starts = [problem_of(first.replaced("problem.start", start)) for start in surface.starts]
    runs: list[TrainingRun] = []
    for of_optimizer, of_rates in zip(configs.values(), rates.tolist(), strict=True):
        components = assemble(of_optimizer)
        dry_run(of_optimizer, components)
        for rate in of_rates:
            at_rate = of_optimizer.replaced(RATE, rate)
            of_rate = replace(
                components,
                plan=Plan(config.steps, evaluations=(0, config.steps), snapshots=(0, config.steps)),
                optimizer=optimizer_factory(at_rate),
            )
            settings, share = shared_settings(at_rate, of_rate)
            runs += [
                TrainingRun(replace(of_rate, problem=deepcopy(start)), settings=settings, rate=share)
                for start in starts
            ]
    paths = PathKeeper(runs)
    for batch in batches(runs, tqdm.write):
        plan = batch[0].components.plan
        fit(batch, [paths, Evaluator(plan, paths.report), ProgressBar(plan, name)], first.trainer.chunk_size)
    shape = (*rates.shape, len(starts))
    positions, losses = paths.arrays()
    positions = positions.reshape(*shape, config.steps + 1, 2)
    return SurfaceDescents(
        about=np.array(surface.about),
        optimizers=np.array(list(config.optimizers)),
        rates=rates,
        starts=np.array(surface.starts),
        positions=_single(positions),
        losses=_single(losses.reshape(*shape, config.steps + 1)),
        reached=_reached(positions, problem, first.tolerance),
        steps=np.array([run.state.steps_taken for run in runs]).reshape(shape),
        diverged=np.array([run.state.diverged for run in runs]).reshape(shape),
        **_landscape(problem, first),
    )


def _config(surface: str, optimizer: str, steps: int) -> TrainConfig:
    """What `descent train` composes for a surface and an optimizer."""
    words = (
        f"problem={surface}",
        f"optimizer={optimizer}",
        f"trainer.max_steps={steps}",
        "trainer=cpu",
        "tracking=none",
    )
    return typed(TrainConfig, composed("train", *words))


def _single(values: Array) -> Array:
    """Values in single precision, infinite where they are too large for it."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _reached(positions: Array, surface: Surface, tolerance: float) -> Array:
    """The number of the minimum that is within reach of positions, (..., 2), counted from 1; 0 for none.

    Where there is none and the norm of the gradient is within the tolerance, it is AT_REST.
    """
    points = torch.from_numpy(positions).view(-1, 2)
    at_rest = (gradients_at(surface, (), points).norm(dim=1) <= tolerance).view(positions.shape[:-1]).numpy()
    minima = np.array(surface.minima, dtype=np.float64).reshape(-1, 2)
    distances = np.linalg.norm(positions[..., None, :] - minima, axis=-1)
    is_near = distances <= REACH  # false for nan
    numbers = np.where(is_near.any(axis=-1), is_near.argmax(axis=-1) + 1 if len(minima) else 0, 0)
    return np.where((numbers == 0) & at_rest, AT_REST, numbers).astype(np.int8)


def _landscape(surface: Surface, config: TrainConfig) -> dict[str, Array]:
    """The heights of a surface on a grid over what its picture shows, and its minima."""
    sides = (config.landscape.arguments[side] for side in ("x", "y"))
    first, second = (torch.linspace(low, high, HEIGHTS, dtype=torch.float64) for low, high in sides)
    heights = losses_at(surface, (), torch.cartesian_prod(first, second)).view(HEIGHTS, HEIGHTS).T
    minima = np.array(surface.minima, dtype=np.float64).reshape(-1, 2)
    return {"first": first.numpy(), "second": second.numpy(), "heights": heights.numpy(), "minima": minima}


class PathKeeper(Callback):
    """Keeps the position and the loss of runs after each step, in memory.

    Args:
        runs: all of them, of one length, at their starts.
    """

    def __init__(self, runs: list[TrainingRun]) -> None:
        self.runs = runs
        self.positions = {run: [torch.tensor([run.problem.position()], dtype=torch.float64)] for run in runs}
        self.losses: dict[TrainingRun, list[Tensor]] = {run: [] for run in runs}
        self.ends: dict[TrainingRun, float] = {}

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Keep what a chunk did."""
        for block in outputs["blocks"]:
            self.positions[block.run].append(block.positions)
            self.losses[block.run].append(block.losses)

    def report(self, run: TrainingRun, metrics: Metrics) -> None:
        """Keep the loss at the last position, which no step computes."""
        self.ends[run] = metrics[TRAIN_LOSS]

    def arrays(self) -> tuple[Array, Array]:
        """The positions, (runs, steps + 1, 2), and the losses, (runs, steps + 1); nan after a run's last step."""
        count = self.runs[0].components.plan.steps + 1
        positions, losses = np.full((len(self.runs), count, 2), np.nan), np.full((len(self.runs), count), np.nan)
        for row, run in enumerate(self.runs):
            end = run.state.steps_taken + 1
            positions[row, :end] = torch.cat(self.positions[run])
            losses[row, :end] = [*torch.cat(self.losses[run]).tolist(), self.ends[run]]
        return positions, losses
