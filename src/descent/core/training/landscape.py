"""The loss around the path of a run, which its pictures need: computed after training, kept in the record.

A problem's configuration names one of these functions. Each returns arrays by name, and its own name as `kind`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Examples, Minibatch
from descent.core.problems.positions import gradients_at, leading_plane, losses_at
from descent.core.problems.problem import Problem
from descent.core.problems.surface import Surface
from descent.core.training.plan import Plan
from descent.records.run import STEPS, TRAJECTORY, Landscape, RunRecord

Range = tuple[float, float]
CURVE = 400
"""Points at which the curve of a loss is known."""
GRID = 31
"""Points of a plane's grid along each direction."""
HEIGHTS, ARROWS = 200, 18
"""Heights of a field's grid along each side, and arrows."""


@dataclass(frozen=True)
class TrainedRun:
    """A run whose steps are all taken."""

    problem: Problem
    train: Examples
    sampler: BatchSampler
    plan: Plan
    record: RunRecord


def curve(run: TrainedRun, x: Range, y: Range) -> Landscape:
    """The loss over one parameter, in the ranges x and y.

    Returns:
        `grid` (points,), `heights` (points,), and `losses` (steps + 1,) at each position of the path. With data also
        `examples` (2, examples), `steps` (snapshots,) and `seen` (snapshots, points): the curve that the next step
        after each snapshot descends on.
    """
    all_examples = run.train.head(len(run.train))
    grid = torch.linspace(*x, CURVE, dtype=torch.float64)

    def heights(minibatch: Minibatch) -> Tensor:
        return losses_at(run.problem, minibatch, grid[:, None])

    path = torch.from_numpy(run.record.path())
    arrays = {"grid": grid, "heights": heights(all_examples), "losses": losses_at(run.problem, all_examples, path)}
    if all_examples:
        steps = torch.tensor([step for step in run.plan.snapshots if step < len(path) - 1])
        minibatches = (run.train.minibatches(run.sampler.chunk(step, step + 1)) for step in steps.tolist())
        arrays["examples"] = torch.stack(all_examples)
        arrays["steps"] = steps
        arrays["seen"] = torch.stack([heights(minibatch) for (minibatch,) in minibatches])
    return _landscape(curve, arrays, x=x, y=y)


def field(run: TrainedRun, x: Range, y: Range) -> Landscape:
    """The loss over two parameters, and where it falls, in the ranges x and y.

    Returns:
        `first` and `second` (points,), `heights` (second, first), `arrows` (arrows, 2), `downhill` (arrows, 2): the
        negative gradients there, and `minima` (minima, 2) as far as they are known.
    """
    all_examples = run.train.head(len(run.train))
    first, second = (torch.linspace(*side, HEIGHTS, dtype=torch.float64) for side in (x, y))
    arrows = torch.cartesian_prod(_between(x), _between(y))
    heights = losses_at(run.problem, all_examples, torch.cartesian_prod(first, second)).view(HEIGHTS, HEIGHTS).T
    minima = run.problem.minima if isinstance(run.problem, Surface) else []
    arrays = {
        "first": first,
        "second": second,
        "heights": heights,
        "arrows": arrows,
        "downhill": -gradients_at(run.problem, all_examples, arrows),
        "minima": torch.tensor(minima, dtype=torch.float64).view(-1, 2),
    }
    return _landscape(field, arrays, x=x, y=y)


def plane(run: TrainedRun, examples: int = 0) -> Landscape:
    """The loss of many parameters on the first `examples` training examples, in the plane that their path spans.

    Returns:
        `first` and `second` (points,), `heights` (second, first), `path` (snapshots, 2), `steps` (snapshots,): the
        number of steps taken at each, `explained` (2,): the share of the path's extent along each direction, and
        `examples`: how many the loss is the mean over, 0 on a surface.
    """
    steps_taken = run.record.table(STEPS).count()
    snapshots = np.unique([*(step for step in run.plan.snapshots if step < steps_taken), steps_taken])
    if run.problem.is_small():
        positions = run.record.path()[snapshots]
    else:
        positions = np.fromfile(run.record.files / TRAJECTORY, dtype=np.float32).reshape(-1, run.problem.size())
    is_finite = np.isfinite(positions).all(axis=1)
    spanned = leading_plane(torch.from_numpy(positions[is_finite]))
    first, second = (_around(spanned.path[:, axis]) for axis in (0, 1))
    across, along = torch.meshgrid(second, first, indexing="ij")
    minibatch = run.train.head(examples)  # of no columns on a surface
    losses = spanned.losses(run.problem, minibatch, torch.stack([along, across], dim=-1).view(-1, 2))
    arrays = {
        "first": first,
        "second": second,
        "heights": losses.view(GRID, GRID),
        "path": spanned.path,
        "steps": torch.from_numpy(snapshots[is_finite]),
        "explained": spanned.explained,
        "examples": torch.tensor(len(minibatch[0]) if minibatch else 0),
    }
    return _landscape(plane, arrays)


def _landscape(kind: Callable[..., Landscape], arrays: dict[str, Tensor], **ranges: Range) -> Landscape:
    return {
        "kind": np.array(kind.__name__),
        **{name: np.array(ends, dtype=np.float64) for name, ends in ranges.items()},
        **{name: array.detach().cpu().numpy() for name, array in arrays.items()},
    }


def _between(side: Range) -> Tensor:
    """The middles of equal parts of a side, one for each arrow."""
    ends = torch.linspace(*side, ARROWS + 1, dtype=torch.float64)
    return (ends[:-1] + ends[1:]) / 2


def _around(coordinates: Tensor) -> Tensor:
    """A grid that holds all coordinates, and a quarter of their extent on both sides."""
    low, high = coordinates.min().item(), coordinates.max().item()
    margin = max((high - low) / 4, 1e-3)
    return torch.linspace(low - margin, high + margin, GRID)
