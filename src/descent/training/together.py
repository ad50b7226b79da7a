"""Many runs of one experiment as one batched run: parameters stacked, each step taken by all of them at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from descent.data.examples import Examples, Minibatch
from descent.data.minibatches import Minibatches
from descent.problems.problem import Problem
from descent.training.chunks import Chunks
from descent.training.plan import Plan

CHUNK = 100
"""Steps whose minibatches are drawn at once."""


@dataclass(frozen=True)
class Member:
    """One of the runs: its problem, at its own start, and the minibatches of its own examples."""

    problem: Problem
    examples: Examples
    minibatches: Minibatches


class Together:
    """Runs of problems of one shape, each as it would be alone up to rounding.

    The members' problems hold views of the stacked parameters, so that each stands where its run stands. One
    optimizer serves them all, which is right for those that treat every number by itself, as all in conf/optimizer do.

    Args:
        members: the runs; their parameters are replaced.
        optimizer: makes the optimizer of the stacked parameters.
        schedule: makes the learning-rate schedule of an optimizer, or None for a constant one.
        bound: how far from 0 the position of a small problem may go before its run counts as diverged.
    """

    def __init__(
        self,
        members: Sequence[Member],
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler | None],
        bound: float,
    ) -> None:
        self.members = members
        first = members[0].problem
        self.examples, self.offsets = _concatenated([member.examples for member in members])
        self.bound = bound if first.is_small() else torch.inf
        self.parameters = _stacked([member.problem for member in members])
        self.optimizer = optimizer(self.parameters.values())
        self.schedule = schedule(self.optimizer)
        self.diverged = torch.zeros(len(members), dtype=torch.bool)
        self.steps_taken = torch.zeros(len(members), dtype=torch.int64)

        def loss(parameters: dict[str, Tensor], minibatch: Minibatch) -> Tensor:
            return functional_call(first, parameters, minibatch)  # type: ignore[no-any-return]

        self._losses_on_own = vmap(loss, in_dims=(0, 0))
        self._losses_on_shared = vmap(loss, in_dims=(0, None))

    def descend(self, plan: Plan) -> Iterator[int]:
        """Take the steps of a plan; yields how many are taken wherever the plan is for an evaluation, from 0 on.

        A run that diverges stays where it was, without harm to the others.
        """
        stops = replace(plan, visits=plan.evaluations)
        drawn = zip(*(Chunks(member.minibatches, stops, CHUNK, lambda: 0) for member in self.members), strict=True)
        taken = 0
        yield taken
        for chunks in drawn:
            indices = torch.stack(chunks, dim=1) + self.offsets[:, None]
            is_shared = bool((indices == indices[:, :1]).all())
            losses = self._losses_on_shared if is_shared else self._losses_on_own
            for minibatch in self._minibatches(indices, is_shared):
                self._step(losses(self.parameters, minibatch))
            taken += len(chunks[0])
            if taken in plan.evaluations:
                yield taken

    def _step(self, losses: Tensor) -> None:
        self.optimizer.zero_grad()
        losses.sum().backward()
        stays = self.diverged | ~losses.detach().isfinite()
        stacks = list(self.parameters.values())
        stood = [stack[stays].detach() for stack in stacks]
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        self.steps_taken += ~self.diverged
        self.diverged = stays
        with torch.no_grad():
            for stack, rows in zip(stacks, stood, strict=True):
                stack[stays] = rows
                if self.bound < torch.inf:
                    self.diverged = self.diverged | ~(stack.flatten(1).abs() <= self.bound).all(dim=1)

    def _minibatches(self, indices: Tensor, is_shared: bool) -> Iterator[Minibatch]:
        """Each step's minibatch, the one that all runs share or theirs stacked; indices (steps, runs, batch), int64."""
        if is_shared:
            yield from self.examples.minibatches(indices[:, 0].contiguous())
        else:
            for minibatch in self.examples.minibatches(indices.flatten(1)):
                yield tuple(column.unflatten(0, indices.shape[1:]) for column in minibatch)


def _concatenated(every: Sequence[Examples]) -> tuple[Examples, Tensor]:
    """The examples of all runs, those that all share once, and where in them each run's own begin."""
    if all(examples is every[0] for examples in every):
        return every[0], torch.zeros(len(every), dtype=torch.int64)
    columns = zip(*(examples.columns for examples in every), strict=True)
    lengths = torch.tensor([len(examples) for examples in every])
    return Examples(tuple(map(torch.cat, columns)), every[0].prepare), lengths.cumsum(0) - lengths


def _stacked(problems: Sequence[Problem]) -> dict[str, Tensor]:
    """The problems' parameters, (problems, ...) each, of which the problems' own become views."""
    stacks: dict[str, Tensor] = {}
    for name, _ in problems[0].named_parameters():
        of_each = [problem.get_parameter(name) for problem in problems]
        stack = torch.stack([parameter.detach() for parameter in of_each])
        for parameter, view in zip(of_each, stack, strict=True):
            parameter.data = view
        stacks[name] = nn.Parameter(stack)
    return stacks
