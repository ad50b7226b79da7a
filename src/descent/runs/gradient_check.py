"""Backpropagation held against central differences, parameter by parameter, at an experiment's start."""

import csv
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from threading import local

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from descent.core.build import assemble
from descent.core.config import TrainConfig
from descent.core.data.examples import Minibatch
from descent.core.optim.gradients import Autograd, losses_beside
from descent.core.problems.problem import Problem
from descent.project import project_root
from descent.records.folder import RECORD, write_arrays
from descent.render.gradients import GRADIENTS, draw_gradients

DIFFERENCES = "differences.csv"
H = 1e-4
"""The step, unless the experiment has its own: what conf/gradient/central_difference.yaml says."""
NEARER = 0.01
"""The step of the second look, as a part of the first's."""
TOLERANCE = 1e-5
"""How far apart components may be, as a part of the parameter's largest.

A central difference is off by f''' h² / 6, so that at h = 1e-4 it is within this while f''' is below 6,000 times the
largest component. Faults are larger: a factor or a summand that is wrong by a percent is a thousand times this.
"""
SHARE = 100
"""How many components a thread looks at before it takes others."""
ROUNDING = 10 * sys.float_info.epsilon
"""How much of the loss float64 may round off; divided by h, the least difference that means something."""


@dataclass(frozen=True)
class Comparison:
    """The gradient of one parameter in two ways, float64 tensors of the parameter's shape.

    Args:
        parameter: its name.
        backpropagation: the one.
        difference: the other, from differences of the loss.
        rounding: how much of a component may come from rounding.
    """

    parameter: str
    backpropagation: Tensor
    difference: Tensor
    rounding: float

    @property
    def shape(self) -> tuple[int, ...]:
        """The parameter's shape."""
        return tuple(self.difference.shape)

    @property
    def components(self) -> int:
        """The number of its components."""
        return self.difference.numel()

    @property
    def apart(self) -> Tensor:
        """How far apart the components are."""
        return (self.backpropagation - self.difference).abs()

    @property
    def largest(self) -> float:
        """The largest component."""
        return torch.stack([self.backpropagation, self.difference]).abs().max().item()

    @property
    def off(self) -> Tensor:
        """Which components are farther apart than a right gradient's can be."""
        return ~(self.apart <= TOLERANCE * self.largest + self.rounding)  # nan is far from everything

    @property
    def agrees(self) -> bool:
        """Whether none is."""
        return not self.off.any()

    @property
    def largest_absolute(self) -> float:
        """The largest difference."""
        return self.apart.max().item()

    @property
    def largest_relative(self) -> float:
        """The largest difference, relative to the largest component."""
        return self.largest_absolute / self.largest if self.largest else 0.0


def check_gradient(config: TrainConfig) -> tuple[list[Comparison], Path]:
    """Compare the two on the first minibatch of an experiment, at its start.

    Returns:
        The comparisons and the folder, gradients/NAME, with a record and its picture.

    Raises:
        UserError: for a configuration that can't be trained.
    """
    parts = assemble(config)
    (minibatch,) = parts.data.train.minibatches(parts.sampler.chunk(0, 1))
    comparisons = compare(parts.problem, minibatch, config.gradient.arguments.get("h", H))
    folder = project_root() / "gradients" / config.name
    record = folder / RECORD
    record.mkdir(parents=True, exist_ok=True)
    _write(record / DIFFERENCES, comparisons)
    arrays = {"title": np.array(config.name)}
    for c in comparisons:
        gradients = torch.stack([c.backpropagation.flatten(), c.difference.flatten()]).numpy()
        arrays[f"{c.parameter} {c.shape}"] = gradients
    arrays["agrees"] = np.array([c.agrees for c in comparisons])
    write_arrays(record / GRADIENTS, arrays)
    draw_gradients(folder)
    return comparisons, folder


def compare(problem: Problem, minibatch: Minibatch, h: float = H) -> list[Comparison]:
    """The gradients of each parameter, in float64: in float32 a difference has three digits at most.

    Where the loss has a kink within h, as relu makes them, the difference is of two slopes. So components that are off
    are looked at from nearer by, and each side alone.
    """
    problem = deepcopy(problem).double()
    minibatch = tuple(column.double() if column.is_floating_point() else column for column in minibatch)
    loss = Autograd()(problem, minibatch)
    rounding = ROUNDING * loss.abs().clamp_min(1).item() / h
    comparisons = []
    for name, parameter in problem.named_parameters():
        if parameter.requires_grad:
            every = torch.ones_like(parameter).nonzero()
            above, below = _losses_beside(problem, minibatch, name, every, h)
            difference = ((above - below) / (2 * h)).view_as(parameter)
            backpropagation = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            comparison = Comparison(name, backpropagation, difference, rounding)
            comparisons.append(_second_look(comparison, problem, minibatch, loss, NEARER * h))
    return comparisons


def _second_look(comparison: Comparison, problem: Problem, minibatch: Minibatch, loss: Tensor, h: float) -> Comparison:
    """The comparison with each component that is off replaced by the nearest slope there is.

    Those are the slopes to both sides and, since only a kink sets them apart, all between.
    """
    off = comparison.off
    if not off.any():
        return comparison
    above, below = _losses_beside(problem, minibatch, comparison.parameter, off.nonzero(), h)
    sides = torch.stack([above - loss, loss - below]) / h
    rounding = comparison.rounding / NEARER
    difference = comparison.difference.clone()
    difference[off] = comparison.backpropagation[off].clamp(sides.amin(dim=0) - rounding, sides.amax(dim=0) + rounding)
    return replace(comparison, difference=difference)


def _losses_beside(problem: Problem, minibatch: Minibatch, name: str, components: Tensor, h: float) -> Tensor:
    """The losses with a component of a parameter moved by h, up and down: (components, dimensions) to (2, components).

    Each core takes a copy of the problem and a thread, one loss being too small a task for two: that took 17 times as
    long where another program ran beside.
    """
    threads = torch.get_num_threads()
    own = local()

    def begin() -> None:
        torch.set_num_threads(1)
        own.problem = deepcopy(problem)

    @torch.no_grad()
    def share(some: Tensor) -> Tensor:
        parameter = own.problem.get_parameter(name)
        losses = [
            torch.stack(losses_beside(own.problem, minibatch, parameter, index, parameter[index].item(), h))
            for index in map(tuple, some.tolist())
        ]
        return torch.stack(losses, dim=1)

    try:
        with ThreadPoolExecutor(threads, initializer=begin) as pool:
            shares = components.split(SHARE)
            done = tqdm(pool.map(share, shares), desc=name, total=len(shares), delay=1, mininterval=1)
            return torch.cat(list(done), dim=1)
    finally:
        torch.set_num_threads(threads)


def _write(path: Path, comparisons: Sequence[Comparison]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["parameter", "shape", "components", "largest_absolute", "largest_relative", "agrees"])
        for c in comparisons:
            writer.writerow([c.parameter, c.shape, c.components, c.largest_absolute, c.largest_relative, c.agrees])
