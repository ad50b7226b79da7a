"""Draws the views of a run from its record: the still picture of its descent, the player and, on request, a GIF."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from descent.errors import UserError, printable
from descent.records.label import distinguishing_label
from descent.records.run import EVALUATIONS, STEPS, Landscape, RunRecord
from descent.render.animation import frame_indices
from descent.render.curve import CurveDescent, LossCurve, curve_pictures, curve_thumbnail
from descent.render.field import Field, FieldDescent, field_pictures, field_thumbnail
from descent.render.plane import Curve, PlaneDescent, plane_pictures, plane_thumbnail
from descent.render.player import StepSeries, player
from descent.render.stamp import drawing, is_current, run_stamp
from descent.render.trail import Range, last_in_view

STILL, SMALL, PLAYER, ANIMATION = "descent.png", "descent_small.png", "descent.html", "descent.gif"
MAX_START = 30
"""The most characters of a start in a title."""


def draw(folder: Path, *, animate: bool = False) -> bool:
    """Draw the views of an ended run, unless they are up to date; return whether they were drawn.

    Args:
        folder: of the run.
        animate: draw the GIF as well.

    Raises:
        UserError: if the run has not ended.
    """
    record = RunRecord(folder)
    stamp = run_stamp(record)
    if is_current(record.views, stamp, [ANIMATION] if animate else []):
        return False
    kind, descent = _descent(record)
    with drawing(record.views, stamp) as folder_of_new:
        kind.pictures(descent, folder_of_new / STILL, folder_of_new / ANIMATION if animate else None)
        kind.thumbnail(descent, folder_of_new / SMALL)
        (folder_of_new / PLAYER).write_text(_player(record, descent), encoding="utf-8")
    return True


def player_of(record: RunRecord) -> str:
    """The text of the player of a finished run.

    Raises:
        UserError: for a landscape of a kind that no picture shows.
    """
    return _player(record, _descent(record)[1])


def _descent(record: RunRecord) -> tuple["Kind", Any]:
    """The kind of a finished run's landscape, and what the run is to its pictures."""
    landscape = record.landscape()
    kind = KINDS.get(str(landscape["kind"]))
    if kind is None:
        raise UserError(f"no picture shows a landscape of kind {landscape['kind']}; choose one of {', '.join(KINDS)}")
    return kind, kind.descent(record, landscape)


def _player(record: RunRecord, descent: Any) -> str:
    losses, norms = record.table(STEPS).values("loss/step", "grad_norm").T
    return player(descent, StepSeries(losses, norms))


def title_of(record: RunRecord) -> str:
    """The title of the picture of an ended run: how it was minimised, and below that what came of it."""
    header, ending = record.header, record.ending()
    assert ending is not None
    name, how = header.params.get("name", header.name), distinguishing_label(header)
    start = _start(header.params.get("problem.start", ""))
    first = " from ".join(filter(None, [": ".join(filter(None, [name, how])), start]))
    steps = "1 step" if ending.step == 1 else f"{ending.step:,} steps"
    return printable(f"{first}") + "\n" + f"{ending.result}{_whereto(record)} after {steps}"


def _start(text: str) -> str:
    """The start of a run as a point, if it is one, and not long."""
    try:
        values = json.loads(text)
    except ValueError:
        return ""
    is_point = isinstance(values, list) and all(isinstance(value, int | float) for value in values)
    point = ", ".join(f"{value:.4g}" for value in values) if is_point else ""
    return f"({point})" if 0 < len(point) <= MAX_START else ""


def _whereto(record: RunRecord) -> str:
    """At which of the lowest points of its surface a run has come to rest, as far as they are known."""
    metrics, minima = record.metrics(), record.landscape().get("minima")
    number = int(metrics.get("minimum", 0))
    if number and minima is not None and number <= len(minima):
        point = ", ".join(f"{value:.4g}" for value in minima[number - 1])
        of_several = f", one of {len(minima)}" if len(minima) > 1 else ""
        return f" to the minimum at ({point}){of_several},"
    is_above = "steps_to_tolerance" in metrics and metrics.get("loss_gap", 0) > 0 and not number
    return f" {metrics['loss_gap']:.3g} above the lowest minimum," if is_above else ""


def has_diverged(record: RunRecord) -> bool:
    """Whether a run ended by diverging."""
    ending = record.ending()
    return ending is not None and ending.result == "diverged"


def curve_descent(record: RunRecord, landscape: Landscape) -> CurveDescent:
    """The path of one parameter on the curve of its loss."""
    loss_curve = loss_curve_of(landscape)
    view = loss_curve.x, loss_curve.y
    path = np.column_stack([record.path(), landscape["losses"]])
    end = last_in_view(path, *view) + 2
    if "seen" in landscape:  # each step has a curve of its own
        frames = [
            (step, curve)
            for step, curve in zip(landscape["steps"].tolist(), landscape["seen"], strict=True)
            if step < end
        ]
    else:
        frames = [(step, loss_curve.heights) for step in frame_indices(path[:end], *view).tolist()]
    return CurveDescent(
        title=title_of(record),
        x=loss_curve.x,
        y=loss_curve.y,
        grid=loss_curve.grid,
        curve=loss_curve.heights,
        path=path,
        diverged=has_diverged(record),
        examples=(landscape["examples"][0], landscape["examples"][1]) if "examples" in landscape else None,
        frames=frames,
    )


def loss_curve_of(landscape: Landscape) -> LossCurve:
    """The loss over one parameter, from a landscape."""
    return LossCurve(_range(landscape["x"]), _range(landscape["y"]), landscape["grid"], landscape["heights"])


def field_of(landscape: Landscape) -> Field:
    """The loss over two parameters and its negative gradients, from a landscape."""
    return Field(
        x=_range(landscape["x"]),
        y=_range(landscape["y"]),
        grid=(landscape["first"], landscape["second"]),
        heights=landscape["heights"],
        arrows=landscape["arrows"],
        downhill=landscape["downhill"],
        minima=landscape["minima"].tolist(),
    )


def plane_descent(record: RunRecord, landscape: Landscape) -> PlaneDescent:
    """The path of many parameters in the plane that it spans, with its losses and accuracies."""
    evaluations = record.read(EVALUATIONS)
    steps, losses = record.table(STEPS).values("step", "loss/step").T

    def curves(measure: str) -> dict[str, Curve]:
        names = [name for name in evaluations.columns if name.startswith(f"{measure}/")]
        return {name.split("/")[1]: (evaluations.column("step"), evaluations.column(name)) for name in names}

    examples = int(landscape["examples"])
    return PlaneDescent(
        title=title_of(record),
        grid=(landscape["first"], landscape["second"]),
        losses=landscape["heights"],
        losses_of=f"loss over {examples:,} training examples" if examples else "loss",
        path=landscape["path"],
        steps=landscape["steps"],
        explained=landscape["explained"],
        diverged=has_diverged(record),
        loss={"step": (steps, losses), **curves("loss")},
        accuracy=curves("accuracy"),
    )


def field_descent(record: RunRecord, landscape: Landscape) -> FieldDescent:
    """The path of two parameters on contours of their loss."""
    return FieldDescent(title_of(record), field_of(landscape), record.path(), has_diverged(record))


@dataclass(frozen=True)
class Kind:
    """A kind of landscape.

    Args:
        descent: reads the descent that the pictures show from a record and its landscape.
        pictures: draws the still picture and, if a path is given, the animation.
        thumbnail: draws the small picture.
    """

    descent: Callable[[RunRecord, Landscape], Any]
    pictures: Callable[[Any, Path, Path | None], object]
    thumbnail: Callable[[Any, Path], object]


KINDS = {
    "curve": Kind(curve_descent, curve_pictures, curve_thumbnail),
    "field": Kind(field_descent, field_pictures, field_thumbnail),
    "plane": Kind(plane_descent, plane_pictures, plane_thumbnail),
}


def _range(ends: np.ndarray) -> Range:
    low, high = ends.tolist()
    return low, high
