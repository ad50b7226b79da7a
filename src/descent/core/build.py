"""Builds the components of a run from its typed configuration; errors in them are raised before any training."""

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn
from torch.optim import SGD

from descent.core.components import built, check_arguments
from descent.core.config import TrainConfig
from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Data, Minibatch
from descent.core.optim.gradients import Autograd
from descent.core.optim.param_groups import OptimizerFactory
from descent.core.problems.problem import Problem
from descent.core.random_streams import generator
from descent.core.training.plan import plan
from descent.core.training.training_run import RunComponents
from descent.core.training.trial_step import reason_alone, trial_step
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
        gradient_estimator=_gradient_estimator(config),
        optimizer=optimizer_factory(config),
        schedule=partial(built("schedule", config.schedule), steps=length.steps),
        landscape=built("landscape", config.landscape),
        accelerator=accelerator,
        seed=config.seed,
        divergence_threshold=config.divergence_threshold,
        kind=json.dumps({name: value for name, value in problem.items() if name != "start"}),
    )
    components = replace(components, draws_random=trial_step(components, config))
    return replace(components, reason_alone=reason_alone(components))


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


def optimizer_factory(config: TrainConfig) -> OptimizerFactory:
    """What makes the optimizer of a configuration."""
    groups = [group.to_dict() for group in config.optimizer.groups]
    return OptimizerFactory(built("optimizer", config.optimizer), groups)


def _gradient_estimator(config: TrainConfig) -> Callable[[Problem, Minibatch], Tensor]:
    estimator: Callable[[Problem, Minibatch], Tensor] = built("gradient", config.gradient)
    if not config.optimizer.create_graph:
        return estimator
    if type(estimator) is not Autograd:
        raise UserError(f"optimizer {config.optimizer.target} differentiates the gradient; use gradient=autograd")
    return Autograd(create_graph=True)


def shared_settings(config: TrainConfig, components: RunComponents) -> tuple[Hashable, float]:
    """The settings that are equal for all runs that one optimizer may step, and the rate, which may differ.

    The settings are None if the optimizer may not be shared, as its configuration declares.
    """
    sharing = config.optimizer.sharing
    if sharing is None or sharing.target != config.optimizer.target:
        return None, 1.0
    settings = config.optimizer.to_dict()
    rate = 1.0
    is_constant = components.schedule(SGD([nn.Parameter(torch.zeros(1))])) is None
    has_one_rate = not any("lr" in group for group in settings.get("groups", ()))
    if sharing.across_lr and is_constant and has_one_rate and settings["lr"] <= MAX_SHARED_RATE:
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
