"""Builds the components of a run from its typed configuration; errors in them are raised before any training."""

import json
from collections.abc import Hashable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import nn

from descent.core.components import built, check_arguments
from descent.core.config import TrainConfig
from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Data
from descent.core.optim.gradients import Autograd
from descent.core.optim.stepping import requires_closure
from descent.core.problems.problem import Problem
from descent.core.random_streams import generator
from descent.core.training.plan import plan
from descent.core.training.training_run import RunComponents
from descent.errors import UserError
from descent.project import project_root

MAX_SHARED_RATE = 1e6
"""The largest learning rate of a run that may share an optimizer; with a larger one the rates of others overflow."""


def assemble(config: TrainConfig) -> RunComponents:
    """Build every component of a run.

    Raises:
        UserError: if a component of the configuration is wrong, in one line.
    """
    accelerator = chosen_accelerator(config.trainer.accelerator)
    check_arguments(config)
    data = data_of(config)
    sampler = sampler_of(config, data)
    length = plan(
        config.trainer.max_steps,
        config.trainer.max_epochs,
        sampler.steps_per_epoch,
        config.evaluation.first,
        config.evaluation.every,
    )
    problem = config.problem.to_dict()
    components = RunComponents(
        problem_of(config),
        data,
        sampler,
        length,
        gradient_estimator=built("gradient", config.gradient),
        optimizer=built("optimizer", config.optimizer),
        schedule=partial(built("schedule", config.schedule), steps=length.steps),
        landscape=built("landscape", config.landscape),
        accelerator=accelerator,
        seed=config.seed,
        divergence_threshold=config.divergence_threshold,
        kind=json.dumps({name: value for name, value in problem.items() if name != "start"}),
    )
    components = replace(components, draws_random=_try_out(components, config))
    return replace(components, reason_alone=_reason_alone(components))


def data_of(config: TrainConfig) -> Data:
    """The data of a configuration, loaded once for all runs that use it at the same time."""
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
    """The paths, times and sizes of files, which are equal while the files are unchanged."""
    stats = [(path.absolute(), path.stat()) for path in files if path.exists()]
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats)


def sampler_of(config: TrainConfig, data: Data) -> BatchSampler:
    """The sampler of a configuration, whose seed draws the minibatches."""
    return BatchSampler(len(data.train), config.data.batch_size, built("sampler", config.sampler), config.seed)


def problem_of(config: TrainConfig) -> Problem:
    """The problem of a configuration, at the start that its seed draws."""
    torch.default_generator.manual_seed(generator(config.seed, "weights").initial_seed())
    problem: Problem = built("problem", config.problem)
    return problem


def shared_settings(config: TrainConfig, components: RunComponents) -> tuple[Hashable, float]:
    """The settings that are equal for all runs that one optimizer may step, and the rate, which may differ.

    The settings are None if the optimizer may not be shared, as its configuration declares.
    """
    sharing = config.optimizer.sharing
    if sharing is None or sharing.target != config.optimizer.target:
        return None, 1.0
    settings = config.optimizer.to_dict()
    rate = 1.0
    is_constant = components.schedule(components.optimizer([nn.Parameter(torch.zeros(1))])) is None
    if sharing.across_lr and is_constant and settings["lr"] <= MAX_SHARED_RATE:
        rate = settings.pop("lr")
    return json.dumps([settings, config.schedule.to_dict()]), rate


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


def _try_out(components: RunComponents, config: TrainConfig) -> bool:
    """Build the optimizer and the schedule, and compute a gradient of a copy of the problem, to find what is wrong.

    Returns:
        Whether the problem drew random numbers.
    """
    problem, examples = deepcopy(components.problem), components.data.train
    name, estimator = config.problem_name, components.gradient_estimator
    try:
        components.schedule(components.optimizer(problem.parameters()))
    except (TypeError, ValueError, KeyError) as error:
        raise UserError(f"optimizer ({config.optimizer.target}) or schedule: {error}") from error
    random_state = torch.default_generator.get_state()
    try:
        estimator(problem, examples.head(config.data.batch_size or len(examples)))
    except (RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"problem {name} does not fit its data: {reason}") from error
    if all(parameter.grad is None for parameter in problem.parameters()):
        raise UserError(f"problem {name} has no parameter that its loss depends on; nothing to train")
    draws_random = not torch.equal(random_state, torch.default_generator.get_state())
    before = dict(components.problem.named_buffers())
    changes = not all(torch.equal(buffer, before[key]) for key, buffer in problem.named_buffers())
    if (draws_random or changes) and not isinstance(estimator, Autograd):
        reason = "draws random numbers" if draws_random else "changes its buffers"
        raise UserError(
            f"problem {name} {reason} as it computes a loss, and this gradient compares losses; use gradient=autograd"
        )
    return draws_random


def _reason_alone(components: RunComponents) -> str | None:
    """Why a run of these components is trained alone; None if it may be in a batch."""
    if type(components.gradient_estimator) is not Autograd:
        return "their gradients are not autograd's"
    if any(True for _ in components.problem.buffers()):
        return "their problem has buffers"
    if components.draws_random:
        return "their problem draws random numbers"
    optimizer = components.optimizer(list(components.problem.parameters()))
    if requires_closure(optimizer):
        return "their optimizer takes a closure"
    return "their optimizer has modes" if hasattr(optimizer, "eval") else None
