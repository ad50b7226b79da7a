"""The descent picture of a run: of the same kind for the same kind of problem, still and animated.

A problem's configuration names the function here that draws it.
"""

from dataclasses import dataclass

import numpy as np
import torch

from descent.core.data.batch_sampler import BatchSampler
from descent.core.data.examples import Data, Minibatch
from descent.core.problems.landscape import gradients_at, leading_plane, losses_at
from descent.core.problems.problem import COORDINATES, Problem
from descent.core.problems.surface import Surface
from descent.core.training.plan import Plan
from descent.records.run import EVALUATIONS, STEPS, TRAJECTORY, RunRecord, Table
from descent.render.animation import frames_along
from descent.render.curve import CurveDescent, curve_animation, curve_picture
from descent.render.field import Field, FieldDescent, field_pictures
from descent.render.plane import Curve, PlaneDescent, plane_pictures
from descent.render.trail import Range, last_inside

STILL, ANIMATION = "descent.png", "descent.gif"
GRID = 31
"""Points of the plane's grid along each direction."""
HEIGHTS, ARROWS = 200, 18
"""Heights of a field's grid along each side, and arrows."""


@dataclass(frozen=True)
class Descended:
    """A run whose steps are all taken: what its picture is drawn from, and into whose record's folder."""

    title: str
    problem: Problem
    data: Data
    minibatches: BatchSampler
    plan: Plan
    record: RunRecord
    diverged: bool


def _column(table: Table, name: str) -> np.ndarray:
    index = table.columns.index(name)
    return np.array([row[index] for row in table.rows], dtype=np.float64)


def path_of(record: RunRecord) -> np.ndarray:
    """Where a small problem was, (steps + 1, components): at its start, and after every step."""
    evaluations, taken = record.read(EVALUATIONS), record.read(STEPS)
    names = [name for name in COORDINATES if name in taken.columns]
    start, steps = (np.stack([_column(table, name) for name in names], axis=1) for table in (evaluations, taken))
    return np.concatenate([start[:1], steps])


def curve(run: Descended, x: Range, y: Range) -> None:
    """The path of one parameter on the curve of its loss; x and y are the ranges shown."""
    everything = run.data.train.head(len(run.data.train))
    grid = torch.linspace(*x, 400, dtype=torch.float64)
    everywhere = losses_at(run.problem, everything, grid[:, None]).numpy()

    def seen(step: int) -> np.ndarray:
        """The curve that the next step descends on."""
        if not everything:
            return everywhere
        (minibatch,) = run.data.train.minibatches(run.minibatches.chunk(step, step + 1))
        return losses_at(run.problem, minibatch, grid[:, None]).numpy()

    positions = path_of(run.record)
    losses = losses_at(run.problem, everything, torch.from_numpy(positions))
    path = np.column_stack([positions, losses])
    # With data, the last position is one from which no step sees a curve.
    animated = path[: -1 if everything else None][: last_inside(path, x, y) + 2]
    descent = CurveDescent(
        title=run.title,
        x=x,
        y=y,
        grid=grid.numpy(),
        curve=everywhere,
        path=path,
        diverged=run.diverged,
        examples=(everything[0].numpy(), everything[1].numpy()) if everything else None,
        frames=[(step, seen(step)) for step in frames_along(animated, x, y).tolist()],
    )
    curve_picture(descent).savefig(run.record.folder / STILL)
    curve_animation(descent, run.record.folder / ANIMATION)


def field(run: Descended, x: Range, y: Range) -> None:
    """The path of two parameters on the contours of their loss; x and y are the ranges shown."""
    everything = run.data.train.head(len(run.data.train))
    seen = field_of(run.problem, everything, x, y)
    descent = FieldDescent(title=run.title, field=seen, path=path_of(run.record), diverged=run.diverged)
    field_pictures(descent, run.record.folder / STILL, run.record.folder / ANIMATION)


def field_of(problem: Problem, minibatch: Minibatch, x: Range, y: Range) -> Field:
    """The loss of two parameters on a minibatch, and where it falls, over the ranges x and y."""
    first, second = (torch.linspace(*side, HEIGHTS, dtype=torch.float64) for side in (x, y))
    arrows = torch.cartesian_prod(_between(x), _between(y))
    return Field(
        x=x,
        y=y,
        grid=(first.numpy(), second.numpy()),
        heights=losses_at(problem, minibatch, torch.cartesian_prod(first, second)).view(HEIGHTS, HEIGHTS).T.numpy(),
        arrows=arrows.numpy(),
        downhill=-gradients_at(problem, minibatch, arrows).numpy(),
        minima=problem.minima if isinstance(problem, Surface) else [],
    )


def _between(side: Range) -> torch.Tensor:
    """The middles of equal parts of a side, one for each arrow."""
    ends = torch.linspace(*side, ARROWS + 1, dtype=torch.float64)
    return (ends[:-1] + ends[1:]) / 2


def plane(run: Descended, examples: int) -> None:
    """The path of a network in the plane it spans, over the loss on the first `examples` training examples."""
    visited = np.fromfile(run.record.folder / TRAJECTORY, dtype=np.float32).reshape(-1, run.problem.size())
    finite = np.isfinite(visited).all(axis=1)
    spanned = leading_plane(torch.from_numpy(visited[finite]))
    sides = [_around(spanned.path[:, axis]) for axis in (0, 1)]
    second, first = torch.meshgrid(sides[1], sides[0], indexing="ij")
    minibatch = run.data.train.head(examples)
    losses = spanned.losses(run.problem, minibatch, torch.stack([first, second], dim=-1).view(-1, 2))
    evaluations, taken = run.record.read(EVALUATIONS), run.record.read(STEPS)

    def curves(measure: str) -> dict[str, Curve]:
        names = [name for name in evaluations.columns if name.startswith(f"{measure}/")]
        steps = _column(evaluations, "step")
        return {name.split("/")[1]: (steps, _column(evaluations, name)) for name in names}

    descent = PlaneDescent(
        title=run.title,
        grid=(sides[0].numpy(), sides[1].numpy()),
        losses=losses.view(GRID, GRID).numpy(),
        losses_of=f"{len(minibatch[0]):,} training images",
        path=spanned.path.numpy(),
        steps=np.unique([*(visit for visit in run.plan.snapshots if visit < len(taken.rows)), len(taken.rows)])[finite],
        explained=spanned.explained.numpy(),
        diverged=run.diverged,
        loss={"step": (_column(taken, "step"), _column(taken, "loss/step")), **curves("loss")},
        accuracy=curves("accuracy"),
    )
    plane_pictures(descent, run.record.folder / STILL, run.record.folder / ANIMATION)


def _around(coordinates: torch.Tensor) -> torch.Tensor:
    """A grid that holds all coordinates, and a quarter of their extent on both sides."""
    low, high = coordinates.min().item(), coordinates.max().item()
    margin = max((high - low) / 4, 1e-3)
    return torch.linspace(low - margin, high + margin, GRID)
