"""Builds the components of a run from its typed configuration; errors in them are raised before any training."""

import json
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import nn
from torch.optim import SGD

from descent.core.components import built, check_arguments
from descent.core.config import DataConfig, TrainConfig
from descent.core.data.batch_sampler import BatchSampler, Order
from descent.core.data.examples import Data
from descent.core.data.preparation import check_sizes, one_hot, standardized, with_test_share, with_validation
from descent.core.optim.gradients import Autograd, GradientEstimator
from descent.core.optim.param_groups import OptimizerFactory
from descent.core.optim.stepping import has_modes
from descent.core.problems.problem import Problem
from descent.core.problems.surface import Surface
from descent.core.random_streams import generator
from descent.core.training.plan import Plan, plan
from descent.core.training.stopping import rungs
from descent.core.training.training_run import RunComponents
from descent.core.training.trial_step import reason_alone, trial_step
from descent.errors import UserError
from descent.project import project_root
from descent.records.code import code_of

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
    length = _plan(config, sampler)
    settings, problem = config.problem.to_dict(), problem_of(config)
    if isinstance(problem, Surface) and len(data.train):
        raise UserError(f"problem {config.problem_name} is a surface, which uses no examples; use data=none")
    components = RunComponents(
        problem,
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
        clip_norm=config.trainer.clip_norm,
        micro_batch_size=config.data.batch_size if config.trainer.accumulate > 1 else None,
        kind=json.dumps({name: value for name, value in settings.items() if name != "start"}),
    )
    components = replace(components, draws_random=trial_step(components, config))
    return replace(components, reason_alone=reason_alone(components))


def _plan(config: TrainConfig, sampler: BatchSampler) -> Plan:
    """How long the run is, and when it is evaluated: also at rungs, and to stop at a target without data, each step."""
    evaluation, every = config.evaluation, config.evaluation.every
    if config.stop_at_target and config.target.value is None:
        raise UserError("stop_at_target=true: there is no target; set target.value")
    if config.stop_at_target and not sampler.count:
        every = every or 1
    ends = config.trainer.max_steps, config.trainer.max_epochs
    length = plan(*ends, sampler.steps_per_epoch, evaluation.first, every)
    halving = config.halving
    return length if halving is None else length.evaluated_at(rungs(halving.after, halving.keep, length.steps))


def data_of(config: TrainConfig) -> Data:
    """The data of a configuration, in memory once for all runs that use it at the same time.

    They are read once as well, while their files are unchanged. What a function gives that names no files is read every
    time, since nothing else tells whether it has changed.
    """
    values = {**config.data.to_dict(), "batch_size": None}
    source = json.dumps([str(project_root()), values, code_of(values)])
    if source in _files and (data := _in_memory.get((source, _stamps(_files[source])))) is not None:
        return data
    read: Data = built("data.source", config.data.source)
    check_sizes(read, config.data.features, config.data.classes)
    if read.files or read.digest is None:
        _files[source] = read.files
        key: Hashable = (source, _stamps(read.files))
    else:
        key = (source, read.digest)
    data = _in_memory.get(key)
    if data is None:
        data = _in_memory[key] = _prepared(read, config.data)
    return data


def _prepared(data: Data, config: DataConfig) -> Data:
    """Data with examples held out, inputs standardized and classes one-hot, as configured."""
    if config.test_share is not None:
        data = with_test_share(data, config.test_share, config.split_seed)
    data = with_validation(data, config.validation, config.split_seed)
    if config.standardize:
        data = standardized(data)
    return one_hot(data) if config.one_hot else data


_in_memory: WeakValueDictionary[Any, Data] = WeakValueDictionary()
_files: dict[str, tuple[Path, ...]] = {}


def _stamps(files: Sequence[Path]) -> tuple[tuple[Path, int, int], ...]:
    """The paths, times and sizes of files, which are equal while the files are unchanged."""
    stats = [(path.absolute(), path.stat()) for path in files if path.exists()]
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats)


def sampler_of(config: TrainConfig, data: Data, order: Order | None = None) -> BatchSampler:
    """The sampler of a configuration, whose seed draws the examples of each step; its order is built if not given.

    Raises:
        UserError: for steps of no minibatch, or of more examples than there are.
    """
    examples, batch_size, accumulate = len(data.train), config.data.batch_size, config.trainer.accumulate
    size = None if batch_size is None else batch_size * accumulate
    if accumulate > 1 and size is None:
        raise UserError(f"trainer.accumulate={accumulate}: set data.batch_size, of which a step then takes so many")
    if accumulate > 1 and size is not None and size > examples:
        raise UserError(
            f"trainer.accumulate={accumulate}: with data.batch_size={batch_size} a step takes {size:,} examples, "
            f"and there are {examples:,}"
        )
    return BatchSampler(examples, size, built("sampler", config.sampler) if order is None else order, config.seed)


def problem_of(config: TrainConfig) -> Problem:
    """The problem of a configuration, at the start that its seed draws."""
    torch.default_generator.manual_seed(generator(config.seed, "weights").initial_seed())
    problem: Problem = built("problem", config.problem)
    return problem


def optimizer_factory(config: TrainConfig) -> OptimizerFactory:
    """What makes the optimizer of a configuration."""
    groups = [group.to_dict() for group in config.optimizer.groups]
    return OptimizerFactory(built("optimizer", config.optimizer), groups, built("average", config.average))


def _gradient_estimator(config: TrainConfig) -> GradientEstimator:
    estimator: GradientEstimator = built("gradient", config.gradient)
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
    # An average is of the positions of the highest rate, before each run has its share of the step.
    is_averaged = has_modes(components.optimizer(components.problem.named_parameters()))
    if sharing.across_lr and is_constant and has_one_rate and not is_averaged and settings["lr"] <= MAX_SHARED_RATE:
        rate = settings.pop("lr")
    return json.dumps([settings, config.schedule.to_dict(), config.average.to_dict()]), rate


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
