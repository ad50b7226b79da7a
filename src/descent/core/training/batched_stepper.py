"""Many runs trained as a batch: parameters stacked, all losses and gradients computed at once."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import groupby

import torch
from torch import Tensor
from torch.func import stack_module_state
from torch.optim import Optimizer

from descent.core.data.examples import Examples, Minibatch
from descent.core.training.checkpoint import Checkpoint, OptimizerState
from descent.core.training.shared_optimizer import SharedOptimizer
from descent.core.training.stepper import Columns, StepBlock, reading_waits
from descent.core.training.training_run import TrainingRun
from descent.records.run import Position

NO_POSITIONS = torch.empty(0)


class BatchedStepper:
    """Takes the steps of runs whose problems differ in their parameters only, each as it would be alone up to rounding.

    Runs that diverge leave, without harm to the others. The runs' problems hold views of the stacked parameters, so
    that each is always at its run's position.

    Args:
        runs: all of them equally far; their problems' parameters are replaced.
    """

    def __init__(self, runs: Sequence[TrainingRun]) -> None:
        components = runs[0].components
        self.problem = components.problem
        self.is_small = self.problem.is_small()
        self.threshold = components.divergence_threshold if self.is_small else math.inf
        self.steps_taken = runs[0].state.steps_taken
        # Runs that share an optimizer are neighbours.
        settings = list(dict.fromkeys(run.settings for run in runs))
        self.runs = sorted(runs, key=lambda run: settings.index(run.settings))
        examples, offsets = _concatenated([run.components.data.train for run in self.runs])
        self.train_examples = examples
        self.offsets = dict(zip(self.runs, offsets, strict=True))
        self.rows = {run: row for row, run in enumerate(runs)}
        self._stack()
        self.shared: list[SharedOptimizer] = []
        for equal, group in groupby(self.runs, key=lambda run: run.settings):
            neighbours = list(group)
            # Each run that is resumed has an optimizer with a state of its own.
            is_apart = equal is None or self.steps_taken > 0
            for sharing in [[run] for run in neighbours] if is_apart else [neighbours]:
                fastest = max(sharing, key=lambda run: run.rate)
                optimizer, schedule = fastest.components.optimizer, fastest.components.schedule
                rows, rates = self._next_rows(len(sharing)), [run.rate for run in sharing]
                self.shared.append(SharedOptimizer(optimizer, schedule, rows, rates, fastest.restored_from))

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers that runs have or share."""
        return [shared.optimizer for shared in self.shared]

    def _next_rows(self, count: int) -> list[Tensor]:
        """The rows of the stacks that the next shared optimizer updates."""
        start = sum(shared.count for shared in self.shared)
        return [stack.detach()[start : start + count] for stack in self.stacks.values()]

    def _stack(self) -> None:
        """Stack the runs' parameters, which become views of the stacks."""
        self.stacks, _ = stack_module_state([run.problem for run in self.runs])
        for name, stack in self.stacks.items():
            for run, view in zip(self.runs, stack.detach(), strict=True):
                run.problem.get_parameter(name).data = view
        device = next(self.problem.parameters()).device
        self.present = torch.ones(len(self.runs), dtype=torch.bool, device=device)

    def advance(self, chunk: Tensor) -> list[StepBlock]:
        """Take the steps of a chunk: (steps, batch size) where all runs share it, else (runs, steps, batch size)."""
        started = time.perf_counter()
        runs = self.runs
        blocks = self._blocks(self._indices(chunk))
        self.steps_taken += chunk.shape[-2]
        share = (time.perf_counter() - started) / len(runs)
        for block in blocks:
            block.run.state.steps_taken += len(block.losses)
            block.run.state.gradient_evaluations += len(block.losses)
            block.run.state.seconds += share
        if not self.present.all():
            self._close_ranks()
        return blocks

    def _indices(self, chunk: Tensor) -> Tensor:
        """The chunk of the runs that are still in training, as indices into the examples of all."""
        if chunk.ndim == 3:
            chunk = chunk[[self.rows[run] for run in self.runs]]
        offsets = torch.tensor([self.offsets[run] for run in self.runs], device=chunk.device)
        if offsets.any():
            chunk = chunk.expand(len(self.runs), *chunk.shape[-2:]) + offsets[:, None, None]
        return chunk[0] if chunk.ndim == 3 and bool((chunk == chunk[0]).all()) else chunk

    def _blocks(self, indices: Tensor) -> list[StepBlock]:
        """Take the steps; indices are (steps, batch size), or (runs, steps, batch size)."""
        unread = self._unread_steps(indices) if reading_waits(self.present.device) else None
        lasted, steps = self._read_steps(indices) if unread is None else unread
        losses, norms, positions = (torch.stack(column, dim=1).cpu() for column in zip(*steps, strict=True))
        return [
            StepBlock(
                run, losses[row, :last], norms[row, :last], positions[row, :last] if self.is_small else NO_POSITIONS
            )
            for row, (run, last) in enumerate(zip(self.runs, lasted, strict=True))
        ]

    def _unread_steps(self, indices: Tensor) -> tuple[list[int], list[Columns]] | None:
        """Take the steps, and read nothing before their end; if a run diverged, take all back: None."""
        stacks = [stack.detach().clone() for stack in self.stacks.values()]
        states = deepcopy([shared.whole_state() for shared in self.shared])
        steps: list[Columns] = []
        for minibatch in self._minibatches(indices):
            losses, gradients = self.gradients(minibatch, is_shared=indices.ndim == 2)
            norms = _norms(gradients)
            self._apply(gradients)
            steps.append((losses, norms, self._positions() if self.is_small else losses))
        losses, _, positions = (torch.stack(column) for column in zip(*steps, strict=True))
        if losses.isfinite().all() and (not self.is_small or bool((positions.abs() <= self.threshold).all())):
            return [indices.shape[-2]] * len(self.runs), steps
        for stack, before in zip(self.stacks.values(), stacks, strict=True):
            stack.data.copy_(before)
        for shared, state in zip(self.shared, states, strict=True):
            shared.restore(state)
        return None

    def _read_steps(self, indices: Tensor) -> tuple[list[int], list[Columns]]:
        """Take the steps, and have each run leave that diverges; how many steps each run took, and what they did."""
        lasted = [indices.shape[-2]] * len(self.runs)
        steps: list[Columns] = []
        for step, minibatch in enumerate(self._minibatches(indices), start=1):
            before = self.present.clone()
            steps.append(self._step(minibatch, is_shared=indices.ndim == 2))
            if not torch.equal(before, self.present):
                for row in (before & ~self.present).nonzero().flatten().tolist():
                    lasted[row] = step
            if not self.present.any():
                break
        return lasted, steps

    def first_gradients(self, chunk: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses and gradients of the first step of a chunk, (runs, steps, batch size), which is not taken."""
        indices = self._indices(chunk)
        return self.gradients(next(self._minibatches(indices)), is_shared=indices.ndim == 2)

    def gradients(self, minibatch: Minibatch, *, is_shared: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses of all runs, (runs,), and the gradients of each parameter that has one, (runs, ...) by name."""
        for stack in self.stacks.values():
            stack.grad = None
        losses = self.problem.losses(self.stacks, minibatch, is_shared=is_shared)
        losses.sum().backward()
        gradients = {name: stack.grad for name, stack in self.stacks.items() if stack.grad is not None}
        return losses.detach(), gradients

    def _apply(self, gradients: dict[str, Tensor]) -> None:
        """Have the optimizers take a step against gradients."""
        counts = [shared.count for shared in self.shared]
        split = {name: gradient.split(counts) for name, gradient in gradients.items()}
        for place, shared in enumerate(self.shared):
            shared.step([split[name][place] if name in split else None for name in self.stacks])

    def _positions(self) -> Tensor:
        """The positions of all runs of a small problem, (runs, components)."""
        return torch.cat([stack.detach().flatten(1) for stack in self.stacks.values()], dim=1)

    def _step(self, minibatch: Minibatch, *, is_shared: bool) -> Columns:
        """Take a step; the losses, (runs,), the norms of their gradients, and the positions that it leads to."""
        losses, gradients = self.gradients(minibatch, is_shared=is_shared)
        norms = _norms(gradients)
        stays = ~losses.isfinite() & self.present
        self._leave(stays)
        self._apply(gradients)
        if not self.is_small:
            return losses, norms, losses
        positions = self._positions()
        for row in stays.nonzero().flatten().tolist():
            positions[row] = positions.new_tensor(self.runs[row].problem.position())
        self._leave(~(positions.abs() <= self.threshold).all(dim=1))
        return losses, norms, positions

    def _leave(self, leaving: Tensor) -> None:
        """Let runs leave with parameters of their own; what further steps do to their rows is of no use."""
        leaving = leaving & self.present
        if not leaving.any():
            return
        for row in leaving.nonzero().flatten().tolist():
            run = self.runs[row]
            run.state.diverged = True
            run.final_state = self._state(row)
            for parameter in run.problem.parameters():
                parameter.data = parameter.data.clone()
        self.present &= ~leaving

    def _state(self, row: int) -> OptimizerState:
        """The state of a run's optimizer and of its schedule."""
        for shared in self.shared:
            if row < shared.count:
                return shared.state(row)
            row -= shared.count
        raise IndexError(row)

    def _close_ranks(self) -> None:
        """Stack the runs anew that are still present."""
        kept = [part.tolist() for part in self.present.split([shared.count for shared in self.shared])]
        self.runs = [run for run, present in zip(self.runs, self.present.tolist(), strict=True) if present]
        before, self.shared = self.shared, []
        if not self.runs:
            return
        self._stack()
        for shared, rows in zip(before, kept, strict=True):
            if any(rows):
                shared.keep(self._next_rows(sum(rows)), torch.tensor(rows))
                self.shared.append(shared)

    def checkpoint(self, run: TrainingRun, position: Position) -> Checkpoint:
        """A run as it is now, its record's files of these lengths."""
        state = run.final_state or self._state(self.runs.index(run))
        weights = {name: value.clone() for name, value in run.problem.state_dict().items()}
        return Checkpoint(run.state, weights, state.optimizer, state.schedule, position)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """All problems in `eval()` mode."""
        self.finish()
        yield
        for run in self.rows:
            run.problem.train()

    def finish(self) -> None:
        """Leave all problems in `eval()` mode."""
        for run in self.rows:
            run.problem.eval()

    def _minibatches(self, indices: Tensor) -> Iterator[Minibatch]:
        """Each step's minibatch, the one that all runs share or theirs stacked."""
        if indices.ndim == 2:
            yield from self.train_examples.minibatches(indices)
        else:
            each = indices.transpose(0, 1)
            for minibatch in self.train_examples.minibatches(each.flatten(1)):
                yield tuple(column.unflatten(0, each.shape[1:]) for column in minibatch)


def _norms(gradients: dict[str, Tensor]) -> Tensor:
    """The norm of each run's gradient, (runs,)."""
    each = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients.values()])
    total: Tensor = each.norm(dim=0)
    return total


def _concatenated(each: Sequence[Examples]) -> tuple[Examples, list[int]]:
    """The examples of all runs, those that several share once, and where in them each run's own begin."""
    distinct = {id(examples): examples for examples in each}
    if len(distinct) == 1:
        return each[0], [0] * len(each)
    starts, end = {}, 0
    for key, examples in distinct.items():
        starts[key], end = end, end + len(examples)
    columns = zip(*(examples.columns for examples in distinct.values()), strict=True)
    return Examples(tuple(map(torch.cat, columns)), each[0].prepare), [starts[id(examples)] for examples in each]
