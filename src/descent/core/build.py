"""From a composed configuration to the parts of a run; what can't work is refused here, before any training."""

import json
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

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


def assemble(config: DictConfig) -> RunComponents:
    """Build every part of a run.

    Raises:
        UserError: for what a configuration can have wrong, in one line.
    """
    accelerator = chosen_accelerator(config.trainer.accelerator)
    _check_numbers(config)
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
        gradient=_built("gradient", config.gradient),
        optimizer=_built("optimizer", config.optimizer),
        schedule=partial(_built("schedule", config.schedule), steps=length.steps),
        accelerator=accelerator,
        landscape=_built("landscape", config.landscape),
    )
    _try_out(parts, config)
    return parts


def data_of(config: DictConfig) -> Data:
    """What the configuration trains and tests on, in memory once for all runs that have it at a time."""
    source = json.dumps([str(project_root()), OmegaConf.to_container(config.data.source, resolve=True)])
    data = _in_memory.get((source, _stamps(_files.get(source, ()))))
    if data is None:
        read: Data = _built("data", config.data.source)
        data = _in_memory[source, _stamps(read.files)] = read
        _files[source] = read.files
    return data


_in_memory: WeakValueDictionary[Any, Data] = WeakValueDictionary()
_files: dict[str, tuple[Path, ...]] = {}


def _stamps(files: Sequence[Path]) -> tuple[tuple[Path, int, int], ...]:
    """What tells whether files are still the same."""
    found = [(path.absolute(), path.stat()) for path in files if path.exists()]
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in found)


def minibatches_of(config: DictConfig, data: Data) -> BatchSampler:
    """The minibatches that its seed draws."""
    return BatchSampler(len(data.train), config.data.batch_size, _built("sampler", config.sampler), config.seed)


def problem_of(config: DictConfig) -> Problem:
    """What it minimises, at the start that its seed draws."""
    torch.default_generator.manual_seed(generator(config.seed, "weights").initial_seed())
    problem: Problem = _built("problem", config.problem)
    return problem


def shared_settings(config: DictConfig, parts: RunComponents) -> tuple[Hashable, float]:
    """What is equal for runs of which one optimizer may take the steps, and the learning rate they may differ in.

    The first is None for an optimizer that can't take the steps of several.
    """
    if not is_elementwise(parts.optimizer):
        return None, 1.0
    optimizer = OmegaConf.to_container(config.optimizer, resolve=True)
    assert isinstance(optimizer, dict)
    rate = 1.0
    is_constant = parts.schedule(parts.optimizer([nn.Parameter(torch.zeros(1))])) is None
    if is_constant and optimizer["lr"] <= FASTEST and scales_with_rate(parts.optimizer):
        rate = optimizer.pop("lr")
    return json.dumps([optimizer, OmegaConf.to_container(config.schedule, resolve=True)]), rate


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


def _check_numbers(config: DictConfig) -> None:
    rate = config.optimizer.lr
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < math.inf:
        raise UserError(f"optimizer.lr={rate}: choose a number from 0, for example optimizer.lr=0.1")
    counts: dict[str, tuple[Any, int, bool]] = {
        "seed": (config.seed, 0, False),
        "data.batch_size": (config.data.batch_size, 0, True),
        "trainer.chunk_size": (config.trainer.chunk_size, 1, False),
        "trainer.max_steps": (config.trainer.max_steps, 1, True),
        "trainer.max_epochs": (config.trainer.max_epochs, 1, True),
        "evaluation.first": (config.evaluation.first, 1, True),
        "evaluation.every": (config.evaluation.every, 1, True),
        "tracking.max_points": (config.tracking.max_points, 2, False),
    }
    for name, (value, least, optional) in counts.items():
        if value is None and optional:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UserError(f"{name}={value}: choose a whole number from {least}")


def _built(group: str, config: DictConfig) -> Any:
    try:
        return instantiate(config)
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from error
        raise UserError(f"{group}: {error.__cause__ or error}".replace("\n", " ")) from error


def _try_out(parts: RunComponents, config: DictConfig) -> None:
    """Let the optimizer and the schedule see their settings, and the problem the shape of its data."""
    problem, examples = parts.problem, parts.data.train
    try:
        parts.schedule(parts.optimizer(problem.parameters()))
    except (TypeError, ValueError, KeyError) as error:
        raise UserError(f"optimizer ({config.optimizer._target_}) or schedule: {error}") from error
    try:
        parts.gradient(problem, examples.head(config.data.batch_size or len(examples)))
        problem.zero_grad()
    except (RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"problem {config.problem_name} does not fit its data: {reason}") from error
