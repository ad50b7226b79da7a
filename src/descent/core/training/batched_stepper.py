"""Many runs trained as a batch: parameters stacked, all losses and gradients computed at once."""

import math
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from itertools import groupby

import torch
from torch import Tensor
from torch.func import stack_module_state
from torch.optim import Optimizer

from descent.core.data.examples import Minibatch, concatenated
from descent.core.optim.gradients import clipped, mean_of, norms_of, parts
from descent.core.optim.stepping import has_modes, in_eval_mode, set_mode
from descent.core.training.checkpoint import BatchPlace, Checkpoint, OptimizerState
from descent.core.training.shared_optimizer import SharedOptimizer
from descent.core.training.stepper import Columns, StepBlock, reading_waits
from descent.core.training.training_run import TrainingRun
from descent.records.tables import Position

NO_POSITIONS = torch.empty(0)


class BatchedStepper:
    """Takes the steps of runs whose problems differ in their parameters only, each as it would be alone up to rounding.

    Runs that diverge leave, without harm to the others, as do those that are told to. The runs' problems hold views of
    the stacked parameters, so that each is always at its run's position.

    How a run's steps round depends on the runs that are in training with it, since one product of matrices serves all;
    so those that are resumed from checkpoints of one batch, in its order, end with the bits that they would have had.

    Args:
        runs: all of them equally far; their problems' parameters are replaced.
    """

    def __init__(self, runs: Sequence[TrainingRun]) -> None:
        components = runs[0].components
        self.problem = components.problem
        self.is_small = self.problem.is_small()
        self.clip_norm, self.micro_batch_size = components.clip_norm, components.micro_batch_size
        self.threshold = components.divergence_threshold if self.is_small else math.inf
        self.steps_taken = runs[0].state.steps_taken
        self.id = uuid.uuid4().hex
        self.train_examples, offsets = concatenated([run.components.data.train for run in runs])
        self.offsets = dict(zip(runs, offsets, strict=True))
        self.rows = {run: row for row, run in enumerate(runs)}
        self.shared: list[SharedOptimizer] = []
        self.left: list[SharedOptimizer] = []  # of runs that have left, one each, if it has modes
        restored = {run: run.restored_from for run in runs if run.restored_from is not None}
        self._stack(runs, {run: OptimizerState(saved.optimizer, saved.schedule) for run, saved in restored.items()})

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers that runs have or share."""
        return [shared.optimizer for shared in self.shared]

    def _next_rows(self, count: int) -> dict[str, Tensor]:
        """The rows of the stacks that the next shared optimizer updates, by name."""
        start = sum(shared.count for shared in self.shared)
        return {name: stack.detach()[start : start + count] for name, stack in self.stacks.items()}

    def _stack(self, runs: Sequence[TrainingRun], states: Mapping[TrainingRun, OptimizerState]) -> None:
        """Stack the parameters of runs, which become views of the stacks, and make the optimizers of these."""
        # Runs that share an optimizer are neighbours. Of a scalar parameter, the state looks like a count of steps.
        can_share = all(parameter.ndim for parameter in self.problem.parameters())
        settings = {run: run.settings if can_share and run.settings is not None else run for run in runs}
        order = {equal: number for number, equal in enumerate(dict.fromkeys(settings.values()))}
        self.runs = sorted(runs, key=lambda run: order[settings[run]])
        self.stacks, _ = stack_module_state([run.problem for run in self.runs])
        for name, stack in self.stacks.items():
            for run, view in zip(self.runs, stack.detach(), strict=True):
                run.problem.get_parameter(name).data = view
        device = next(self.problem.parameters()).device
        self.present = torch.ones(len(self.runs), dtype=torch.bool, device=device)
        self.shared = []
        for _, group in groupby(self.runs, key=lambda run: settings[run]):
            sharing = list(group)
            fastest = max(sharing, key=lambda run: run.rate).components
            rows, rates = self._next_rows(len(sharing)), [run.rate for run in sharing]
            of_sharing = [states[run] for run in sharing] if states else None
            self.shared.append(SharedOptimizer(fastest.optimizer, fastest.schedule, rows, rates, of_sharing))

    def advance(self, chunk: Tensor) -> list[StepBlock]:
        """Take the steps of a chunk: (steps, batch size) where all runs share it, else (runs, steps, batch size)."""
        started = time.perf_counter()
        steps, taken = chunk.shape[-2], 0
        blocks: dict[TrainingRun, list[StepBlock]] = {run: [] for run in self.runs}
        while self.runs and taken < steps:
            parts = self._blocks(self._indices(chunk[..., taken:, :]))
            taken += max(len(part.losses) for part in parts)
            for part in parts:
                blocks[part.run].append(part)
            if not self.present.all():
                self._close_ranks()
        self.steps_taken += steps
        share = (time.perf_counter() - started) / len(blocks)
        for run, parts in blocks.items():
            count = sum(len(part.losses) for part in parts)
            run.state.runs_in_batch = max(len(blocks), run.state.runs_in_batch)
            run.state.steps_taken += count
            run.state.gradient_evaluations += count
            run.state.seconds += share
        return [_joined(parts) for parts in blocks.values()]

    def _indices(self, chunk: Tensor) -> Tensor:
        """The chunk of the runs that are still in training, as indices into the examples of all."""
        if chunk.ndim == 3:
            chunk = chunk[[self.rows[run] for run in self.runs]]
        offsets = torch.tensor([self.offsets[run] for run in self.runs], device=chunk.device)
        if offsets.any():
            chunk = chunk.expand(len(self.runs), *chunk.shape[-2:]) + offsets[:, None, None]
        return chunk[0] if chunk.ndim == 3 and bool((chunk == chunk[0]).all()) else chunk

    def _blocks(self, indices: Tensor) -> list[StepBlock]:
        """Take the steps, of large problems to the first at which a run diverges.

        Args:
            indices: (steps, batch size), or (runs, steps, batch size).
        """
        unread = self._unread_steps(indices) if reading_waits(self.present.device) else None
        lasted, steps = self._read_steps(indices) if unread is None else unread
        losses, norms, rates, positions = (torch.stack(column, dim=1).cpu() for column in zip(*steps, strict=True))
        return [
            StepBlock(
                run,
                losses[row, :last],
                norms[row, :last],
                rates[row, :last],
                positions[row, :last] if self.is_small else NO_POSITIONS,
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
            norms = norms_of(gradients)
            rates = self._learning_rates()
            self._apply(gradients, norms)
            steps.append((losses, norms, rates, self._positions() if self.is_small else losses))
        losses, _, _, positions = (torch.stack(column) for column in zip(*steps, strict=True))
        if losses.isfinite().all() and (not self.is_small or bool((positions.abs() <= self.threshold).all())):
            return [indices.shape[-2]] * len(self.runs), steps
        for stack, before in zip(self.stacks.values(), stacks, strict=True):
            stack.data.copy_(before)
        for shared, state in zip(self.shared, states, strict=True):
            shared.restore(state)
        return None

    def _read_steps(self, indices: Tensor) -> tuple[list[int], list[Columns]]:
        """Take the steps, and have each run leave that diverges; how many steps each run took, and what they did.

        Of a large problem no step is taken with rows of runs that have left, lest chunks decide how the others round.
        """
        left: dict[int, int] = {}
        steps: list[Columns] = []
        for step, minibatch in enumerate(self._minibatches(indices), start=1):
            before = self.present.clone()
            steps.append(self._step(minibatch, is_shared=indices.ndim == 2))
            if not torch.equal(before, self.present):
                left.update(dict.fromkeys((before & ~self.present).nonzero().flatten().tolist(), step))
                if not self.is_small or not self.present.any():
                    break
        return [left.get(row, len(steps)) for row in range(len(self.runs))], steps

    def first_gradients(self, chunk: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses and gradients of the first step of a chunk, (runs, steps, batch size), which is not taken."""
        indices = self._indices(chunk)
        return self.gradients(next(self._minibatches(indices)), is_shared=indices.ndim == 2)

    def gradients(self, minibatch: Minibatch, *, is_shared: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses of all runs, (runs,), and the gradients of each parameter that has one, (runs, ...) by name."""
        if self.micro_batch_size is None:
            return self._gradients(minibatch, is_shared=is_shared)
        shares = parts(minibatch, self.micro_batch_size, dim=0 if is_shared else 1)
        return mean_of((share, *self._gradients(part, is_shared=is_shared)) for share, part in shares)

    def _gradients(self, minibatch: Minibatch, *, is_shared: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """The same of a part of a minibatch."""
        for stack in self.stacks.values():
            stack.grad = None
        losses = self.problem.losses(self.stacks, minibatch, is_shared=is_shared)
        losses.sum().backward()
        gradients = {name: stack.grad for name, stack in self.stacks.items() if stack.grad is not None}
        return losses.detach(), gradients

    def _apply(self, gradients: dict[str, Tensor], norms: Tensor) -> None:
        """Have the optimizers take a step against gradients, those of too large a norm scaled down."""
        if self.clip_norm is not None:
            gradients = clipped(gradients, norms, self.clip_norm)
        counts = [shared.count for shared in self.shared]
        split = {name: gradient.split(counts) for name, gradient in gradients.items()}
        for place, shared in enumerate(self.shared):
            shared.step([split[name][place] if name in split else None for name in self.stacks])

    def _learning_rates(self) -> Tensor:
        """The learning rates of all runs, (runs,), on the CPU."""
        rates = [rate for shared in self.shared for rate in shared.learning_rates()]
        return torch.tensor(rates, dtype=torch.float64)

    def _positions(self) -> Tensor:
        """The positions of all runs of a small problem, (runs, components)."""
        return torch.cat([stack.detach().flatten(1) for stack in self.stacks.values()], dim=1)

    def _step(self, minibatch: Minibatch, *, is_shared: bool) -> Columns:
        """Take a step; the losses, (runs,), the norms of their gradients, and the positions that it leads to."""
        losses, gradients = self.gradients(minibatch, is_shared=is_shared)
        norms = norms_of(gradients)
        stays = ~losses.isfinite() & self.present
        self._diverge(stays)
        rates = self._learning_rates()
        self._apply(gradients, norms)
        if not self.is_small:
            return losses, norms, rates, losses
        positions = self._positions()
        for row in stays.nonzero().flatten().tolist():
            positions[row] = positions.new_tensor(self.runs[row].problem.position())
        self._diverge(~(positions.abs() <= self.threshold).all(dim=1))
        return losses, norms, rates, positions

    def leave(self, runs: Sequence[TrainingRun]) -> None:
        """Have runs leave training where they are, after a chunk."""
        self._leave(torch.tensor([run in runs for run in self.runs], device=self.present.device))
        self._close_ranks()

    def _diverge(self, rows: Tensor) -> None:
        """Have the runs of some rows leave as diverged; what further steps do to these rows is of no use."""
        leaving = rows & self.present
        if leaving.any():
            for row in leaving.nonzero().flatten().tolist():
                self.runs[row].state.diverged = True
            self._leave(leaving)

    def _leave(self, leaving: Tensor) -> None:
        """Have the runs of some rows, (runs,), leave with parameters of their own."""
        for row in leaving.nonzero().flatten().tolist():
            run = self.runs[row]
            run.final_state = self._state(row)
            for parameter in run.problem.parameters():
                parameter.data = parameter.data.clone()
            if has_modes(self._shared(row)[0].optimizer):
                rows = {name: parameter.data[None] for name, parameter in run.problem.named_parameters()}
                components = run.components
                own = SharedOptimizer(components.optimizer, components.schedule, rows, [run.rate], [run.final_state])
                self.left.append(own)
        self.present &= ~leaving

    def _shared(self, row: int) -> tuple[SharedOptimizer, int]:
        """The optimizer of a run, and the run's row in it."""
        for shared in self.shared:
            if row < shared.count:
                return shared, row
            row -= shared.count
        raise IndexError(row)

    def _state(self, row: int) -> OptimizerState:
        """The state of a run's optimizer and of its schedule."""
        shared, own_row = self._shared(row)
        return shared.state(own_row)

    def _close_ranks(self) -> None:
        """Stack the runs anew that are still present, as if they were resumed here."""
        rows = {run: row for row, run in enumerate(self.runs) if self.present[row]}
        self.runs = [run for run in self.rows if run in rows]
        if self.runs:
            self._stack(self.runs, {run: self._state(row) for run, row in rows.items()})

    def checkpoint(self, run: TrainingRun, position: Position) -> Checkpoint:
        """A run as it is now, its record's files of these lengths."""
        state = run.final_state or self._state(self.runs.index(run))
        weights = {name: value.clone() for name, value in run.problem.state_dict().items()}
        place = BatchPlace(self.id, self.steps_taken, self.rows[run], len(self.runs))
        return Checkpoint(run.state, weights, state.optimizer, state.schedule, position, place)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """All problems and their optimizers in `eval()` mode."""
        for run in self.rows:
            run.problem.eval()
        with ExitStack() as stack:
            for shared in (*self.shared, *self.left):
                stack.enter_context(in_eval_mode(shared.optimizer))
            yield
        for run in self.rows:
            run.problem.train()

    def finish(self) -> None:
        """Leave all problems and their optimizers in `eval()` mode."""
        for run in self.rows:
            run.problem.eval()
        for shared in (*self.shared, *self.left):
            set_mode(shared.optimizer, "eval")

    def _minibatches(self, indices: Tensor) -> Iterator[Minibatch]:
        """Each step's minibatch, the one that all runs share or theirs stacked."""
        if indices.ndim == 2:
            yield from self.train_examples.minibatches(indices)
        else:
            by_step = indices.transpose(0, 1)
            for minibatch in self.train_examples.minibatches(by_step.flatten(1)):
                yield tuple(column.unflatten(0, by_step.shape[1:]) for column in minibatch)


def _joined(parts: Sequence[StepBlock]) -> StepBlock:
    """The steps of one run as one block."""
    if len(parts) == 1:
        return parts[0]
    columns = ([getattr(part, name) for part in parts] for name in ("losses", "grad_norms", "rates", "positions"))
    return StepBlock(parts[0].run, *map(torch.cat, columns))
