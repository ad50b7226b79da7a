"""Compare backpropagation with central differences, parameter by parameter, at an experiment's start."""

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
from descent.records.files import write_arrays
from descent.records.folder import RECORD
from descent.render.gradients import GRADIENTS, draw_gradients

DIFFERENCES = "differences.csv"
H = 1e-4
"""The step, as in conf/gradient/central_difference.yaml, unless the experiment has its own."""
NEARER = 0.01
"""The step of the second comparison, as a fraction of the first's."""
TOLERANCE = 1e-5
"""The largest difference of components, as a fraction of the parameter's largest component.

A central difference is off by f''' h² / 6, so that at h = 1e-4 it is within this if f''' is below 6,000 times the
largest component. Faults are larger: a factor or a summand that is wrong by a percent is a thousand times this.
"""
SHARE = 100
"""How many components a thread computes at a time."""
ROUNDING = 10 * sys.float_info.epsilon
"""How much of the loss float64 may round off; divided by h, the least difference of gradients that is significant."""


@dataclass(frozen=True)
class GradientComparison:
    """The gradient of one parameter, computed in two ways, float64 tensors of the parameter's shape.

    Args:
        parameter: its name.
        backpropagation: the gradient by backpropagation.
        difference: the gradient by differences of the loss.
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
    def differences(self) -> Tensor:
        """The absolute differences of the components."""
        return (self.backpropagation - self.difference).abs()

    @property
    def largest(self) -> float:
        """The largest component."""
        return torch.stack([self.backpropagation, self.difference]).abs().max().item()

    @property
    def disagreeing(self) -> Tensor:
        """Which components differ by more than those of a right gradient can."""
        return ~(self.differences <= TOLERANCE * self.largest + self.rounding)  # nan is far from everything

    @property
    def agrees(self) -> bool:
        """Whether no component disagrees."""
        return not self.disagreeing.any()

    @property
    def largest_absolute(self) -> float:
        """The largest difference."""
        return self.differences.max().item()

    @property
    def largest_relative(self) -> float:
        """The largest difference, relative to the largest component."""
        return self.largest_absolute / self.largest if self.largest else 0.0


def check_gradient(config: TrainConfig) -> tuple[list[GradientComparison], Path]:
    """Compare the two gradients on the first minibatch of an experiment, at its start.

    Returns:
        The comparisons and the folder, gradients/NAME, with a record and its picture.

    Raises:
        UserError: for a configuration that can't be trained.
    """
    components = assemble(config)
    (minibatch,) = components.data.train.minibatches(components.sampler.chunk(0, 1))
    comparisons = compare_gradients(components.problem, minibatch, config.gradient.arguments.get("h", H))
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


def compare_gradients(problem: Problem, minibatch: Minibatch, h: float = H) -> list[GradientComparison]:
    """Compare the gradients of each parameter in float64, since a difference in float32 has three digits at most.

    The problem is in `eval()` mode, in which its loss is a function of its parameters alone. Where the loss has a kink
    within h, as ReLU's have, the difference is of two slopes. So components that disagree are compared again with a
    smaller step, on each side of the kink.
    """
    problem = deepcopy(problem).double().eval()
    minibatch = tuple(column.double() if column.is_floating_point() else column for column in minibatch)
    loss = Autograd()(problem, minibatch)
    rounding = ROUNDING * loss.abs().clamp_min(1).item() / h
    comparisons = []
    for name, parameter in problem.named_parameters():
        if parameter.requires_grad:
            indices = torch.ones_like(parameter).nonzero()
            above, below = _losses_beside(problem, minibatch, name, indices, h)
            difference = ((above - below) / (2 * h)).view_as(parameter)
            backpropagation = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            comparison = GradientComparison(name, backpropagation, difference, rounding)
            comparisons.append(_at_kinks(comparison, problem, minibatch, loss, NEARER * h))
    return comparisons


def _at_kinks(
    comparison: GradientComparison, problem: Problem, minibatch: Minibatch, loss: Tensor, h: float
) -> GradientComparison:
    """The comparison with each disagreeing component replaced by the nearest slope at the kink.

    Those are the slopes to both sides and, since both are subgradients, all between.
    """
    disagreeing = comparison.disagreeing
    if not disagreeing.any():
        return comparison
    above, below = _losses_beside(problem, minibatch, comparison.parameter, disagreeing.nonzero(), h)
    sides = torch.stack([above - loss, loss - below]) / h
    rounding = comparison.rounding / NEARER
    difference = comparison.difference.clone()
    lowest, highest = sides.amin(dim=0) - rounding, sides.amax(dim=0) + rounding
    difference[disagreeing] = comparison.backpropagation[disagreeing].clamp(lowest, highest)
    return replace(comparison, difference=difference)


def _losses_beside(problem: Problem, minibatch: Minibatch, name: str, components: Tensor, h: float) -> Tensor:
    """The losses with a component of a parameter moved by h, up and down: (components, dimensions) to (2, components).

    Each core has a thread with a copy of the problem. One loss is too small a task for two threads: that took 17 times
    as long while another program ran.
    """
    threads = torch.get_num_threads()
    thread_state = local()

    def begin() -> None:
        torch.set_num_threads(1)
        thread_state.problem = deepcopy(problem)

    @torch.no_grad()
    def losses_of(part: Tensor) -> Tensor:
        parameter = thread_state.problem.get_parameter(name)
        losses = [
            torch.stack(losses_beside(thread_state.problem, minibatch, parameter, index, parameter[index].item(), h))
            for index in map(tuple, part.tolist())
        ]
        return torch.stack(losses, dim=1)

    try:
        with ThreadPoolExecutor(threads, initializer=begin) as pool:
            parts = components.split(SHARE)
            results = tqdm(pool.map(losses_of, parts), desc=name, total=len(parts), delay=1, mininterval=1)
            return torch.cat(list(results), dim=1)
    finally:
        torch.set_num_threads(threads)


def _write(path: Path, comparisons: Sequence[GradientComparison]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["parameter", "shape", "components", "largest_absolute", "largest_relative", "agrees"])
        for c in comparisons:
            writer.writerow([c.parameter, c.shape, c.components, c.largest_absolute, c.largest_relative, c.agrees])
