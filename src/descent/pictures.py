"""The descent picture of a run: of the same kind for the same kind of problem, still and animated.

A problem's configuration names the function here that draws it.
"""

from dataclasses import dataclass

import numpy as np
import torch

from descent.data.examples import Data
from descent.data.minibatches import Minibatches
from descent.plots.animation import FRAMES
from descent.plots.curve import CurveDescent, Range, curve_animation, curve_picture
from descent.plots.plane import Curve, PlaneDescent, plane_animation, plane_picture
from descent.problems.landscape import leading_plane, losses_at
from descent.problems.problem import Problem
from descent.tracking.record import EVALUATIONS, STEPS, RunRecord, Table
from descent.training.plan import Plan
from descent.training.recording import VISITED

STILL, ANIMATION = "descent.png", "descent.gif"
GRID = 31
"""Points of the plane's grid along each direction."""
AT_ONCE = 32
"""Positions whose losses are computed together."""


@dataclass(frozen=True)
class Descended:
    """A run whose steps are all taken: what its picture is drawn from, and into whose record's folder."""

    title: str
    problem: Problem
    data: Data
    minibatches: Minibatches
    plan: Plan
    record: RunRecord
    diverged: bool


def _column(table: Table, name: str) -> np.ndarray:
    index = table.columns.index(name)
    return np.array([row[index] for row in table.rows], dtype=np.float64)


def curve(run: Descended, x: Range, y: Range) -> None:
    """The path of one parameter on the curve of its loss; x and y are the ranges shown."""
    everything = run.data.train.head(len(run.data.train))
    grid = torch.linspace(*x, 400, dtype=torch.float64)

    start = _column(run.record.read(EVALUATIONS), "x")[:1]
    path = np.concatenate([start, _column(run.record.read(STEPS), "x")])
    steps = np.unique(np.linspace(0, len(path) - 2, FRAMES).round().astype(int)).tolist()
    frames = []
    for step in steps:
        (minibatch,) = run.data.train.minibatches(run.minibatches.chunk(step, step + 1))
        frames.append((step, losses_at(run.problem, minibatch, grid[:, None]).numpy()))
    descent = CurveDescent(
        title=run.title,
        x=x,
        y=y,
        grid=grid.numpy(),
        curve=losses_at(run.problem, everything, grid[:, None]).numpy(),
        path=np.stack([path, losses_at(run.problem, everything, torch.from_numpy(path)[:, None]).numpy()], axis=1),
        diverged=run.diverged,
        examples=(everything[0].numpy(), everything[1].numpy()) if everything else None,
        frames=frames,
    )
    curve_picture(descent).savefig(run.record.folder / STILL)
    curve_animation(descent, run.record.folder / ANIMATION)


def plane(run: Descended, examples: int) -> None:
    """The path of a network in the plane it spans, over the loss on the first `examples` training examples."""
    visited = np.fromfile(run.record.folder / VISITED, dtype=np.float32).reshape(-1, run.problem.size())
    finite = np.isfinite(visited).all(axis=1)
    spanned = leading_plane(torch.from_numpy(visited[finite]))
    sides = [_around(spanned.path[:, axis]) for axis in (0, 1)]
    second, first = torch.meshgrid(sides[1], sides[0], indexing="ij")
    minibatch = run.data.train.head(examples)
    # A few at a time: all positions of the grid would take a thousand times the network's memory.
    parts = torch.stack([first, second], dim=-1).view(-1, 2).split(AT_ONCE)
    losses = torch.cat([losses_at(run.problem, minibatch, spanned.positions(part)) for part in parts])
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
        steps=np.unique([*(visit for visit in run.plan.visits if visit < len(taken.rows)), len(taken.rows)])[finite],
        explained=spanned.explained.numpy(),
        diverged=run.diverged,
        loss={"step": (_column(taken, "step"), _column(taken, "loss/step")), **curves("loss")},
        accuracy=curves("accuracy"),
    )
    plane_picture(descent).savefig(run.record.folder / STILL)
    plane_animation(descent, run.record.folder / ANIMATION)


def _around(coordinates: torch.Tensor) -> torch.Tensor:
    """A grid that holds all coordinates, and a quarter of their extent on both sides."""
    low, high = coordinates.min().item(), coordinates.max().item()
    margin = max((high - low) / 4, 1e-3)
    return torch.linspace(low - margin, high + margin, GRID)
