"""From a composed configuration to the parts of a run; what can't work is refused here, before any training."""

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from descent.core.components import built, check_arguments
from descent.core.config import TrainConfig
from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Data, Minibatch
from descent.core.optim.elementwise import is_elementwise, scales_with_rate
from descent.core.problems.problem import Problem
from descent.core.random_streams import generator
from descent.core.training.plan import Plan, plan
from descent.errors import UserError
from descent.project import project_root
from descent.records.run import Landscape

FASTEST = 1e6
"""Up to this learning rate a run may take its steps with slower ones: those would overflow at a rate beyond."""


@dataclass(frozen=True)
class RunComponents:
    """What a run is made of.

    Args:
        problem: what is minimised, at its start.
        data: what it is trained and tested on.
        minibatches: those of each step.
        plan: how many steps, and after which of them something is looked at.
        gradient: one of `descent.core.optim.gradients`.
        optimizer: makes the optimizer of parameters.
        schedule: makes the learning-rate schedule of an optimizer, or None for a constant one.
        accelerator: what it is computed on: `cpu`, `cuda` or `mps`.
        landscape: one of `descent.core.training.landscape`.
    """

    problem: Problem
    data: Data
    minibatches: BatchSampler
    plan: Plan
    gradient: Callable[[Problem, Minibatch], Tensor]
    optimizer: Callable[[Any], Optimizer]
    schedule: Callable[[Optimizer], LRScheduler | None]
    accelerator: str
    landscape: Callable[..., Landscape]


def assemble(config: TrainConfig) -> RunComponents:
    """Build every part of a run.

    Raises:
        UserError: for what a configuration can have wrong, in one line.
    """
    accelerator = chosen_accelerator(config.trainer.accelerator)
    check_arguments(config)
    data = data_of(config)
    minibatches = minibatches_of(config, data)
    length = plan(
        config.trainer.max_steps,
        config.trainer.max_epochs,
        minibatches.steps_per_epoch,
        config.evaluation.first,
        config.evaluation.every,
    )
    parts = RunComponents(
        problem_of(config),
        data,
        minibatches,
        length,
        gradient=built("gradient", config.gradient),
        optimizer=built("optimizer", config.optimizer),
        schedule=partial(built("schedule", config.schedule), steps=length.steps),
        accelerator=accelerator,
        landscape=built("landscape", config.landscape),
    )
    _try_out(parts, config)
    return parts


def data_of(config: TrainConfig) -> Data:
    """What the configuration trains and tests on, in memory once for all runs that have it at a time."""
    source = json.dumps([str(project_root()), config.data.source.to_dict()])
    data = _in_memory.get((source, _stamps(_files.get(source, ()))))
    if data is None:
        read: Data = built("data.source", config.data.source)
        data = _in_memory[source, _stamps(read.files)] = read
        _files[source] = read.files
    return data


_in_memory: WeakValueDictionary[Any, Data] = WeakValueDictionary()
_files: dict[str, tuple[Path, ...]] = {}


def _stamps(files: Sequence[Path]) -> tuple[tuple[Path, int, int], ...]:
    """What tells whether files are still the same."""
    found = [(path.absolute(), path.stat()) for path in files if path.exists()]
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in found)


def minibatches_of(config: TrainConfig, data: Data) -> BatchSampler:
    """The minibatches that its seed draws."""
    return BatchSampler(len(data.train), config.data.batch_size, built("sampler", config.sampler), config.seed)


def problem_of(config: TrainConfig) -> Problem:
    """What it minimises, at the start that its seed draws."""
    torch.default_generator.manual_seed(generator(config.seed, "weights").initial_seed())
    problem: Problem = built("problem", config.problem)
    return problem


def shared_settings(config: TrainConfig, parts: RunComponents) -> tuple[Hashable, float]:
    """What is equal for runs of which one optimizer may take the steps, and the learning rate they may differ in.

    The first is None for an optimizer that can't take the steps of several.
    """
    if not is_elementwise(parts.optimizer):
        return None, 1.0
    optimizer = config.optimizer.to_dict()
    rate = 1.0
    is_constant = parts.schedule(parts.optimizer([nn.Parameter(torch.zeros(1))])) is None
    if is_constant and optimizer["lr"] <= FASTEST and scales_with_rate(parts.optimizer):
        rate = optimizer.pop("lr")
    return json.dumps([optimizer, config.schedule.to_dict()]), rate


def chosen_accelerator(name: str) -> str:
    """`cpu`, `cuda` or `mps` for `cpu`, `gpu` or `auto`, which takes a GPU when there is one."""
    if name == "cpu":
        return "cpu"
    for accelerator, gpu in (("cuda", torch.cuda), ("mps", torch.backends.mps)):
        if gpu.is_available():
            return accelerator
    if name == "auto":
        return "cpu"
    raise UserError("trainer=gpu: PyTorch sees no GPU on this machine; choose trainer=auto or trainer=cpu")


def _try_out(parts: RunComponents, config: TrainConfig) -> None:
    """Let the optimizer and the schedule see their settings, and the problem the shape of its data."""
    problem, examples = parts.problem, parts.data.train
    try:
        parts.schedule(parts.optimizer(problem.parameters()))
    except (TypeError, ValueError, KeyError) as error:
        raise UserError(f"optimizer ({config.optimizer.target}) or schedule: {error}") from error
    try:
        parts.gradient(problem, examples.head(config.data.batch_size or len(examples)))
        problem.zero_grad()
    except (RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"problem {config.problem_name} does not fit its data: {reason}") from error
