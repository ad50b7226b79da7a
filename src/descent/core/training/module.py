"""Descent as a Lightning module: a batch is a chunk of many minibatches, a step of the descent each."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from descent.core.data.examples import Examples, Minibatch
from descent.core.optim.stepping import unhooked_step
from descent.core.problems.problem import Problem
from descent.core.training.checkpoint import Checkpoint, TrainState
from descent.core.training.rows import Row, rows_of
from descent.records.run import Position

Gradient = Callable[[Problem, Minibatch], Tensor]


class Descent(LightningModule):
    """Minimises a problem, one plain PyTorch step for every minibatch.

    Lightning's own cost is paid once a chunk; what it is paid for is the device, the checkpoints and the hooks.

    Args:
        problem: what is minimised.
        examples: what minibatches are made of.
        gradient: one of `descent.core.optim.gradients`.
        optimizer: makes the optimizer of the problem's parameters.
        schedule: makes the learning-rate schedule of an optimizer, or None for a constant one.
        divergence_threshold: how far from 0 the position of a small problem may go before the run counts as diverged.
    """

    def __init__(
        self,
        problem: Problem,
        examples: Examples,
        gradient: Gradient,
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler | None],
        divergence_threshold: float = math.inf,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.problem = problem
        self.examples = examples
        self.gradient = gradient
        self.make_optimizer, self.make_schedule = optimizer, schedule
        self.divergence_threshold = divergence_threshold
        self.standing = TrainState()
        self.taken_up: Checkpoint | None = None

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        self.problem.load_state_dict(checkpoint.state_dict)
        self.standing = checkpoint.standing
        self.taken_up = checkpoint

    def configure_optimizers(self) -> Any:
        """The optimizer and, unless the learning rate is constant, its schedule, as Lightning takes them."""
        optimizer = self.make_optimizer(self.problem.parameters())
        schedule = self.make_schedule(optimizer)
        if self.taken_up is not None:
            optimizer.load_state_dict(self.taken_up.optimizer)
            if schedule is not None:
                schedule.load_state_dict(self.taken_up.schedule or {})
        return optimizer if schedule is None else {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_fit_start(self) -> None:
        """Move the examples to the device, once."""
        self.examples = self.examples.to(self.device)

    def training_step(self, chunk: Tensor) -> dict[str, list[Row]]:
        """Take a step for each minibatch of a chunk; `rows` holds what the record keeps of each.

        That is the loss and the norm of the gradient that the step descends from, and the position it leads to.
        The run ends, as diverged, at the first loss that is not finite and the first position out of bounds.
        """
        started = time.perf_counter()
        problem, gradient, standing = self.problem, self.gradient, self.standing
        (optimizer,) = self.trainer.optimizers
        step, schedule = unhooked_step(optimizer), self._schedule()
        parameters = list(problem.parameters())
        is_small = problem.is_small()
        losses: list[float] = []
        norms: list[Tensor] = []  # of each tensor; all together below
        gradients: list[list[float]] = []  # of a small problem, whose norms together take less time
        positions: list[list[float]] = []
        for minibatch in self.examples.minibatches(chunk):
            for parameter in parameters:
                parameter.grad = None  # as `optimizer.zero_grad()`, without its hooks
            loss = gradient(problem, minibatch).item()
            losses.append(loss)
            if is_small:
                gradients.append(_flat([p.grad for p in parameters if p.grad is not None]))
            else:
                norms += torch._foreach_norm([p.grad for p in parameters if p.grad is not None])
            standing.diverged = not math.isfinite(loss)
            if not standing.diverged:
                step()
                if schedule is not None:
                    schedule.step()
            if is_small:
                positions.append(_flat(parameters))
                standing.diverged |= not all(abs(value) <= self.divergence_threshold for value in positions[-1])
            if standing.diverged:
                self.trainer.should_stop = True
                break
        if is_small:
            total_norms = torch.tensor(gradients, dtype=parameters[0].dtype).norm(dim=1)
        else:
            total_norms = torch.stack(norms).view(len(losses), len(parameters)).norm(dim=1)
        standing.seconds += time.perf_counter() - started
        rows = rows_of(standing.steps_taken + 1, losses, total_norms.tolist(), positions)
        standing.steps_taken += len(rows)
        return {"rows": rows}

    def _schedule(self) -> Any:
        return next((config.scheduler for config in self.trainer.lr_scheduler_configs), None)

    def checkpoint(self, position: Position) -> Checkpoint:
        """The descent as it stands, the files of its record of these lengths."""
        (optimizer,) = self.trainer.optimizers
        schedule = self._schedule()
        return Checkpoint(
            self.standing,
            self.problem.state_dict(),
            optimizer.state_dict(),
            None if schedule is None else schedule.state_dict(),
            position,
        )


def _flat(tensors: Sequence[Tensor]) -> list[float]:
    """The numbers of small tensors."""
    return [number for tensor in tensors for number in tensor.flatten().tolist()]
