"""Steppers: what takes the steps of a chunk of minibatches, for one run or for a batch of them."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, parameters_to_vector
from torch.optim import Optimizer

from descent.core.data.examples import Minibatch
from descent.core.optim.stepping import (
    in_eval_mode,
    learning_rate,
    load_state,
    requires_closure,
    set_mode,
    unhooked_step,
)
from descent.core.random_streams import generator
from descent.core.training.checkpoint import Checkpoint
from descent.core.training.training_run import TrainingRun
from descent.errors import UserError
from descent.records.tables import Position


@dataclass(frozen=True)
class StepBlock:
    """What a chunk of steps did with a run, on the CPU.

    Args:
        run: the run.
        losses: (steps,), each before its step.
        grad_norms: (steps,), of the gradients of these losses.
        rates: (steps,) in float64, the learning rate of each step; nan where the optimizer has none.
        positions: (steps, components), each after its step; of a problem that is not small nothing, (0,).
    """

    run: TrainingRun
    losses: Tensor
    grad_norms: Tensor
    rates: Tensor
    positions: Tensor


Columns = tuple[Tensor, Tensor, Tensor, Tensor]
"""The losses, gradient norms, learning rates and positions of steps."""


def reading_waits(device: torch.device) -> bool:
    """Whether reading a number from a device waits for all that it has still to compute."""
    return device.type != "cpu"


class Stepper(Protocol):
    """Takes the steps of runs, all of them equally far.

    Attributes:
        runs: those that are still in training.
    """

    runs: list[TrainingRun]

    @property
    def steps_taken(self) -> int:
        """How many steps each of them has taken."""

    @property
    def optimizers(self) -> list[Optimizer]:
        """What takes their steps."""

    def advance(self, chunk: Tensor) -> list[StepBlock]:
        """Take the steps of a chunk, (steps, batch size) or (runs, steps, batch size) indices into the examples."""

    def leave(self, runs: Sequence[TrainingRun]) -> None:
        """Have runs leave training where they are, after a chunk."""

    def checkpoint(self, run: TrainingRun, position: Position) -> Checkpoint:
        """A run as it is now, its record's files of these lengths."""

    def evaluating(self) -> AbstractContextManager[None]:
        """Have everything in `eval()` mode, for as long as the context lasts."""

    def finish(self) -> None:
        """Leave everything in `eval()` mode."""


class SingleStepper:
    """Takes one run's steps: its own optimizer, on its problem's own parameters.

    An optimizer whose `step` requires a closure (LBFGS) gets one, which evaluates the loss and its gradient anew on the
    step's minibatch; one with modes, `train()` and `eval()` (Schedule-Free), is in the mode of its problem.
    """

    def __init__(self, run: TrainingRun) -> None:
        self.run, self.runs = run, [] if run.state.has_left else [run]
        components = run.components
        self.problem, self.train_examples = run.problem, components.data.train
        self.gradient_estimator, self.draws_random = components.minibatch_gradient, components.draws_random
        self.parameters, self.is_small = list(self.problem.parameters()), self.problem.is_small()
        self.threshold, self.device = components.divergence_threshold, self.parameters[0].device
        self.clip_norm = components.clip_norm
        self.no_gradient = torch.zeros((), device=self.device)
        self.optimizer = components.optimizer(self.problem.named_parameters())
        self.schedule: Any = components.schedule(self.optimizer)
        if run.restored_from is not None:
            saved = run.restored_from
            self._restore((saved.state.gradient_evaluations, saved.state_dict, saved.optimizer, saved.schedule))
        self.step = unhooked_step(self.optimizer)
        self.requires_closure = requires_closure(self.optimizer)
        self.problem.train()
        set_mode(self.optimizer, "train")

    @property
    def steps_taken(self) -> int:
        """How many steps the run has taken."""
        return self.run.state.steps_taken

    @property
    def optimizers(self) -> list[Optimizer]:
        """The run's optimizer."""
        return [self.optimizer]

    def advance(self, chunk: Tensor) -> list[StepBlock]:
        """Take a step for each minibatch of a chunk, (steps, batch size).

        The run ends, as diverged, at the first loss that is not finite, whose step is not taken, and at the first
        position out of bounds.
        """
        started = time.perf_counter()
        random_state, state = torch.default_generator.get_state(), self.run.state
        steps = self._unread_steps(chunk) if reading_waits(self.device) else None
        columns = self._read_steps(chunk) if steps is None else steps
        state.seconds += time.perf_counter() - started
        state.steps_taken += len(columns[0])
        if not self.draws_random and not torch.equal(random_state, torch.default_generator.get_state()):
            raise UserError(
                f"steps to {state.steps_taken:,} drew random numbers, which the first did not: they are not "
                "reproducible; have the problem or the optimizer draw some in every training step, or none"
            )
        return [StepBlock(self.run, *columns)]

    def _read_steps(self, chunk: Tensor) -> Columns:
        """Take the steps of a chunk until the run diverges, and read each loss and small position at once."""
        state, parameters = self.run.state, self.parameters
        losses: list[float] = []
        norms: list[Tensor] = []  # of each parameter; of all together below
        gradients: list[list[float]] = []  # of a small problem, whose norms are computed faster together
        rates: list[float] = []
        positions: list[list[float]] = []
        for taken, minibatch in enumerate(self.train_examples.minibatches(chunk), start=state.steps_taken):
            loss = self._gradient(minibatch, taken).item()
            losses.append(loss)
            if self.is_small:
                gradients.append(_numbers([p.grad for p in parameters if p.grad is not None]))
            else:
                norms += torch._foreach_norm(self._gradients())
            rates.append(learning_rate(self.optimizer))
            state.diverged = not math.isfinite(loss)
            if not state.diverged:
                self._step(minibatch, taken)
            if self.is_small:
                positions.append(_numbers(parameters))
                state.diverged |= not all(abs(value) <= self.threshold for value in positions[-1])
            if state.diverged:
                self.runs = []
                break
        small_gradients = torch.tensor(gradients, dtype=parameters[0].dtype)
        return (
            torch.tensor(losses, dtype=torch.float64),
            small_gradients.norm(dim=1) if self.is_small else self._total_norms(norms, len(losses)),
            torch.tensor(rates, dtype=torch.float64),
            torch.tensor(positions, dtype=torch.float64),
        )

    def _unread_steps(self, chunk: Tensor) -> Columns | None:
        """Take the steps of a chunk, and read nothing before its end; if the run diverged, take all back: None."""
        state, before = self.run.state, deepcopy(self._state())
        losses: list[Tensor] = []
        norms: list[Tensor] = []
        gradients: list[Tensor] = []
        rates: list[float] = []
        positions: list[Tensor] = []
        for taken, minibatch in enumerate(self.train_examples.minibatches(chunk), start=state.steps_taken):
            losses.append(self._gradient(minibatch, taken))
            if self.is_small:
                gradients.append(parameters_to_vector([p.grad for p in self.parameters if p.grad is not None]))
            else:
                norms += torch._foreach_norm(self._gradients())
            rates.append(learning_rate(self.optimizer))
            self._step(minibatch, taken)
            if self.is_small:
                positions.append(parameters_to_vector(self.parameters).detach())
        all_losses = torch.stack(losses).double().cpu()
        all_positions = torch.stack(positions).double().cpu() if self.is_small else torch.empty(0)
        if all_losses.isfinite().all() and (all_positions.abs() <= self.threshold).all():
            small_norms = torch.stack(gradients).cpu().norm(dim=1) if self.is_small else None
            all_norms = self._total_norms(norms, len(losses)) if small_norms is None else small_norms
            return all_losses, all_norms, torch.tensor(rates, dtype=torch.float64), all_positions
        self._restore(before)
        return None

    def _gradients(self) -> list[Tensor]:
        """The gradient of each parameter, a zero for one that has none."""
        return [self.no_gradient if p.grad is None else p.grad.detach() for p in self.parameters]

    def _total_norms(self, norms: list[Tensor], steps: int) -> Tensor:
        """The norms of all parameters' gradients together, (steps,)."""
        total: Tensor = torch.stack(norms).view(steps, len(self.parameters)).norm(dim=1)
        return total.cpu()

    def _state(self) -> tuple[int, dict[str, Tensor], dict[str, Any], dict[str, Any] | None]:
        """All that a step changes: evaluations counted, problem, optimizer and schedule."""
        schedule = None if self.schedule is None else self.schedule.state_dict()
        evaluations = self.run.state.gradient_evaluations
        return evaluations, self.problem.state_dict(), self.optimizer.state_dict(), schedule

    def _restore(self, state: tuple[int, dict[str, Tensor], dict[str, Any], dict[str, Any] | None]) -> None:
        self.run.state.gradient_evaluations, problem, optimizer, schedule = state
        self.problem.load_state_dict(problem)
        load_state(self.optimizer, optimizer)
        if self.schedule is not None:
            self.schedule.load_state_dict(schedule or {})

    def _gradient(self, minibatch: Minibatch, taken: int) -> Tensor:
        """The loss, and its gradient in the parameters' `grad`."""
        for parameter in self.parameters:
            parameter.grad = None  # as `optimizer.zero_grad()`, without its hooks
        if self.draws_random:
            torch.manual_seed(generator(self.run.components.seed, "step", taken).initial_seed())
        self.run.state.gradient_evaluations += 1
        return self.gradient_estimator(self.problem, minibatch)

    def _step(self, minibatch: Minibatch, taken: int) -> None:
        if self.clip_norm is not None:
            clip_grad_norm_(self.parameters, self.clip_norm)
        if self.requires_closure:
            self.step(lambda: self._gradient(minibatch, taken))
        else:
            self.step()
        if self.schedule is not None:
            self.schedule.step()

    def leave(self, runs: Sequence[TrainingRun]) -> None:
        """Have the run leave training where it is."""
        self.runs = [run for run in self.runs if run not in runs]

    def checkpoint(self, run: TrainingRun, position: Position) -> Checkpoint:
        """The run as it is now, its record's files of these lengths."""
        _, problem, optimizer, schedule = self._state()
        return Checkpoint(run.state, problem, optimizer, schedule, position)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The problem and its optimizer in `eval()` mode; random numbers that are drawn even so are of the step."""
        self.problem.eval()
        if self.draws_random:
            torch.manual_seed(generator(self.run.components.seed, "evaluation", self.steps_taken).initial_seed())
        with in_eval_mode(self.optimizer):
            yield
        self.problem.train()

    def finish(self) -> None:
        """Leave the problem and its optimizer in `eval()` mode, and the parameters where that has them."""
        self.problem.eval()
        set_mode(self.optimizer, "eval")


def _numbers(tensors: Sequence[Tensor]) -> list[float]:
    """The numbers of small tensors."""
    return [number for tensor in tensors for number in tensor.flatten().tolist()]
