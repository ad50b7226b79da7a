"""Many runs as one batched run: parameters stacked, the losses and gradients of all computed at once."""

import math
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Examples, Minibatch
from descent.core.problems.problem import Problem
from descent.core.training.checkpoint import Checkpoint, TrainState
from descent.core.training.chunks import Chunks
from descent.core.training.plan import Plan
from descent.core.training.stepper import State, Stepper
from descent.records.run import Position

CPU = torch.device("cpu")
NONE = torch.empty(0)
CHUNK = 100
"""Steps whose minibatches are drawn at once, at most."""


@dataclass(eq=False)
class BatchedRun:
    """One of the runs.

    Args:
        problem: what it minimises, from where it stands; its parameters become views of the stacked ones.
        examples: what its minibatches are made of.
        minibatches: those of each step.
        optimizer: makes the optimizer of parameters.
        schedule: makes the learning-rate schedule of an optimizer, or None for a constant one.
        settings: equal for those of whom one optimizer may take the steps: it is set alike but for its rate, as its
            schedule is, and treats every number by itself. None for a run that needs its own.
        rate: the optimizer's learning rate, where others of equal settings have another: then every step is
            proportional to it, and the schedule a constant one.
        taken_up: the checkpoint that it goes on from, if it does.
    """

    problem: Problem
    examples: Examples
    minibatches: BatchSampler
    optimizer: Callable[[Any], Optimizer]
    schedule: Callable[[Optimizer], LRScheduler | None]
    settings: Hashable = None
    rate: float = 1.0
    taken_up: Checkpoint | None = None
    standing: TrainState = field(default_factory=TrainState)
    left_with: State | None = None

    def __post_init__(self) -> None:
        if self.taken_up is not None:
            self.problem.load_state_dict(self.taken_up.state_dict)
            self.standing = self.taken_up.standing


@dataclass(frozen=True)
class StepBlock:
    """What a run did in a chunk of steps.

    Args:
        member: the run.
        losses: (steps,), those that it descended from.
        norms: (steps,), of the gradients.
        positions: (steps, components), where it then was; of problems too large to be followed nothing, (0,).
    """

    member: BatchedRun
    losses: Tensor
    norms: Tensor
    positions: Tensor


class RunBatch:
    """Runs of problems that differ in their parameters only, each as it would be alone up to rounding.

    Those that diverge leave, without harm to the others. The members' problems hold views of the stacked parameters, so
    that each stands where its run stands.

    Args:
        members: the runs, all of them equally far; their parameters are replaced.
        divergence_threshold: how far from 0 the position of a small problem may go before its run counts as diverged.
        device: what it is computed on.
    """

    def __init__(self, members: Sequence[BatchedRun], divergence_threshold: float, device: torch.device = CPU) -> None:
        self.problem = members[0].problem
        self.is_small = self.problem.is_small()
        self.divergence_threshold = divergence_threshold if self.is_small else math.inf
        self.steps_taken = members[0].standing.steps_taken
        # Those who share an optimizer stand beside each other.
        settings = list(dict.fromkeys(member.settings for member in members))
        self.members = sorted(members, key=lambda member: settings.index(member.settings))
        for member in self.members:
            member.problem.to(device)
        examples, offsets = _concatenated([member.examples for member in self.members])
        self.examples = examples.to(device)
        self.offsets = dict(zip(self.members, offsets, strict=True))
        self._stack()
        self.steppers: list[Stepper] = []
        for shared, alike in groupby(self.members, key=lambda member: member.settings):
            # Whoever goes on from a checkpoint has an optimizer with a state of its own.
            own = shared is None or self.steps_taken > 0
            together = list(alike)
            for some in [[one] for one in together] if own else [together]:
                fastest = max(some, key=lambda member: member.rate)
                rows, rates = self._rows(len(some)), [member.rate for member in some]
                self.steppers.append(Stepper(fastest.optimizer, fastest.schedule, rows, rates, fastest.taken_up))

    def _rows(self, count: int) -> list[Tensor]:
        """The rows of the stacks that the next stepper moves."""
        start = sum(stepper.count for stepper in self.steppers)
        return [stack.detach()[start : start + count] for stack in self.stacks.values()]

    def _stack(self) -> None:
        """Stack the parameters of the members, of which their own become views."""
        self.stacks: dict[str, Tensor] = {}
        for name, _ in self.problem.named_parameters():
            of_each = [member.problem.get_parameter(name) for member in self.members]
            stack = torch.stack([parameter.detach() for parameter in of_each])
            for parameter, view in zip(of_each, stack, strict=True):
                parameter.data = view
            self.stacks[name] = nn.Parameter(stack)
        self.present = torch.ones(len(self.members), dtype=torch.bool, device=next(self.problem.parameters()).device)

    def descend(self, plan: Plan) -> Iterator[list[StepBlock]]:
        """Take the steps of a plan, as long as a run is left; yields what was done wherever it looks at something."""
        drawn = {
            minibatches: iter(Chunks(minibatches, plan, CHUNK, lambda: self.steps_taken))
            for minibatches in dict.fromkeys(member.minibatches for member in self.members)
        }
        while self.members and self.steps_taken < plan.steps:
            chunks = {minibatches: next(drawn[minibatches]) for minibatches in drawn}
            started = time.perf_counter()
            taken = self._chunk([chunks[member.minibatches] + self.offsets[member] for member in self.members])
            self.steps_taken += len(chunks[self.members[0].minibatches])
            share = (time.perf_counter() - started) / len(self.members)
            for one in taken:
                one.member.standing.steps_taken += len(one.losses)
                one.member.standing.seconds += share
            if not self.present.all():
                self._close_ranks()
            yield taken

    def _chunk(self, indices: Sequence[Tensor]) -> list[StepBlock]:
        """Take the steps of a chunk; indices are (steps, batch) for each run."""
        is_shared = all(torch.equal(own, indices[0]) for own in indices[1:])
        lasted = [len(indices[0])] * len(self.members)
        steps: list[tuple[Tensor, Tensor, Tensor]] = []
        for step, minibatch in enumerate(self._minibatches(indices, is_shared), start=1):
            before = self.present.clone()
            steps.append(self._step(minibatch, is_shared))
            if not torch.equal(before, self.present):
                for row in (before & ~self.present).nonzero().flatten().tolist():
                    lasted[row] = step
            if not self.present.any():
                break
        losses, norms, positions = (torch.stack(column, dim=1).cpu() for column in zip(*steps, strict=True))
        return [
            StepBlock(member, losses[row, :last], norms[row, :last], positions[row, :last] if self.is_small else NONE)
            for row, (member, last) in enumerate(zip(self.members, lasted, strict=True))
        ]

    def _step(self, minibatch: Minibatch, is_shared: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Take a step; the losses, (runs,), and the norms of the gradients it descends from, and where it leads."""
        for stack in self.stacks.values():
            stack.grad = None
        losses = self.problem.losses(self.stacks, minibatch, is_shared=is_shared)
        losses.sum().backward()
        losses = losses.detach()
        gradients = [stack.grad for stack in self.stacks.values() if stack.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        stays = ~losses.isfinite() & self.present
        self._leave(stays)
        counts = [stepper.count for stepper in self.steppers]
        for stepper, *own in zip(self.steppers, *(gradient.split(counts) for gradient in gradients), strict=True):
            stepper.step(own)
        if not self.is_small:
            return losses, norms, losses
        positions = torch.cat([stack.detach().flatten(1) for stack in self.stacks.values()], dim=1)
        for row in stays.nonzero().flatten().tolist():
            positions[row] = positions.new_tensor(self.members[row].problem.position())
        self._leave(~(positions.abs() <= self.divergence_threshold).all(dim=1))
        return losses, norms, positions

    def _leave(self, leaving: Tensor) -> None:
        """Those who leave keep where they stand; what the others' steps do to their rows is nobody's any more."""
        leaving = leaving & self.present
        if not leaving.any():
            return
        for row in leaving.nonzero().flatten().tolist():
            member = self.members[row]
            member.standing.diverged = True
            member.left_with = self._state(row)
            for parameter in member.problem.parameters():
                parameter.data = parameter.data.clone()
        self.present &= ~leaving

    def _state(self, row: int) -> State:
        """The state of a member's optimizer and of its schedule."""
        for stepper in self.steppers:
            if row < stepper.count:
                return stepper.state(row)
            row -= stepper.count
        raise IndexError(row)

    def _close_ranks(self) -> None:
        """Stack those anew who are still present."""
        kept = [part.tolist() for part in self.present.split([stepper.count for stepper in self.steppers])]
        self.members = [member for member, present in zip(self.members, self.present.tolist(), strict=True) if present]
        steppers, self.steppers = self.steppers, []
        if not self.members:
            return
        self._stack()
        for stepper, rows in zip(steppers, kept, strict=True):
            if any(rows):
                stepper.move(self._rows(sum(rows)), torch.tensor(rows))
                self.steppers.append(stepper)

    def checkpoint(self, member: BatchedRun, position: Position) -> Checkpoint:
        """A member as it stands, the files of its record of these lengths."""
        state = member.left_with or self._state(self.members.index(member))
        weights = {name: value.clone() for name, value in member.problem.state_dict().items()}
        return Checkpoint(member.standing, weights, state.optimizer, state.schedule, position)

    def _minibatches(self, indices: Sequence[Tensor], is_shared: bool) -> Iterator[Minibatch]:
        """Each step's minibatch, the one that all runs share or theirs stacked."""
        if is_shared:
            yield from self.examples.minibatches(indices[0])
        else:
            each = torch.stack(tuple(indices), dim=1)
            for minibatch in self.examples.minibatches(each.flatten(1)):
                yield tuple(column.unflatten(0, each.shape[1:]) for column in minibatch)


def _concatenated(every: Sequence[Examples]) -> tuple[Examples, list[int]]:
    """The examples of all runs, those that all share once, and where in them each run's own begin."""
    distinct = list(dict.fromkeys(map(id, every)))
    examples = {id(one): one for one in every}
    lengths = [len(examples[one]) for one in distinct]
    starts = dict(zip(distinct, (sum(lengths[:place]) for place in range(len(lengths))), strict=True))
    if len(distinct) == 1:
        return every[0], [0] * len(every)
    columns = zip(*(examples[one].columns for one in distinct), strict=True)
    return Examples(tuple(map(torch.cat, columns)), every[0].prepare), [starts[id(one)] for one in every]
