"""What a run reaches: its losses and accuracies over all training, all validation and all test examples."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from descent.core.data.examples import Data, Examples
from descent.core.problems.problem import Problem
from descent.records.header import Result
from descent.records.run import coordinates

SLICE = 1_000
"""Examples evaluated at once; the same for every run, since sums depend on it in the last bits."""


@torch.no_grad()
def measure(problems: Sequence[Problem], examples: Examples) -> list[dict[str, float]]:
    """What each problem measures of examples, its mean over all of them."""
    sums: list[dict[str, float]] = [{} for _ in problems]
    stacks = _stacked(problems)
    for part in examples.slices(SLICE):
        weight = len(part[0]) if part else 1
        # A small problem's last bits count, and another order of its sums would change them.
        if len(problems) == 1 or problems[0].is_small():
            measured = [problem.measure(*part) for problem in problems]
        else:
            means = problems[0].measures(stacks, part)
            measured = [{name: mean[row] for name, mean in means.items()} for row in range(len(problems))]
        for means_of_problem, sums_of_problem in zip(measured, sums, strict=True):
            for name, mean in means_of_problem.items():
                sums_of_problem[name] = sums_of_problem.get(name, 0.0) + weight * mean.item()
    return [{name: total / max(len(examples), 1) for name, total in of_problem.items()} for of_problem in sums]


def _stacked(problems: Sequence[Problem]) -> dict[str, Tensor]:
    """The parameters of problems alike, by name, (problems, ...) each."""
    names = [name for name, _ in problems[0].named_parameters()]
    return {name: torch.stack([problem.get_parameter(name) for problem in problems]) for name in names}


def evaluate(problems: Sequence[Problem], data: Data, splits: Collection[str] | None = None) -> list[dict[str, float]]:
    """Of each problem `loss/train`, `accuracy/train` and so on, and the position where it is small.

    Args:
        problems: alike.
        data: of all of them.
        splits: those that are measured; all where None.
    """
    metrics: list[dict[str, float]] = [{} for _ in problems]
    for split, examples in data.splits().items():
        if splits is not None and split not in splits:
            continue
        for of_problem, means in zip(metrics, measure(problems, examples), strict=True):
            of_problem |= {f"{name}/{split}": mean for name, mean in means.items()}
    for of_problem, problem in zip(metrics, problems, strict=True):
        if problem.is_small():
            of_problem |= dict(zip(coordinates(problem.size()), problem.position(), strict=True))
    return metrics


def result_of(problem: Problem, examples: Examples, tolerance: float, *, diverged: bool) -> Result:
    """How a run ended: converged where the gradient's norm over all examples is within the tolerance."""
    if diverged:
        return "diverged"
    return "converged" if gradient_norm(problem, examples) <= tolerance else "finished"


def gradient_norm(problem: Problem, examples: Examples) -> float:
    """The norm of the gradient of the mean loss over all examples."""
    problem.zero_grad()
    for part in examples.slices(SLICE):
        share = len(part[0]) / len(examples) if part else 1.0
        (problem(*part) * share).backward()
    norm = get_total_norm([p.grad for p in problem.parameters() if p.grad is not None]).item()
    problem.zero_grad()
    return norm
