"""The views of a run, drawn from its record alone: the still picture of its descent, a player and, if asked, a GIF."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from descent.errors import UserError
from descent.records.run import EVALUATIONS, STEPS, Landscape, RunRecord
from descent.render.animation import frames_along
from descent.render.curve import CurveDescent, LossCurve, curve_pictures
from descent.render.field import Field, FieldDescent, field_pictures
from descent.render.plane import Curve, PlaneDescent, plane_pictures
from descent.render.player import Series, player
from descent.render.stamp import drawing, is_current, run_stamp
from descent.render.trail import Range, last_inside

STILL, PLAYER, ANIMATION = "descent.png", "descent.html", "descent.gif"


def draw(folder: Path, *, animate: bool = False) -> bool:
    """Draw the views of a finished run, unless they are up to date; whether there was something to draw.

    Args:
        folder: the run's.
        animate: draw the GIF as well.

    Raises:
        UserError: for a run that has not ended.
    """
    record = RunRecord(folder)
    stamp = run_stamp(record)
    if is_current(record.views, stamp, [ANIMATION] if animate else []):
        return False
    descent, pictures = _descent(record)
    with drawing(record.views, stamp) as made:
        pictures(descent, made / STILL, made / ANIMATION if animate else None)
        (made / PLAYER).write_text(_player(record, descent), encoding="utf-8")
    return True


def player_of(record: RunRecord) -> str:
    """The text of the player of a finished run.

    Raises:
        UserError: for a landscape of a kind that no picture shows.
    """
    return _player(record, _descent(record)[0])


def _descent(record: RunRecord) -> tuple[Any, Callable[[Any, Path, Path | None], object]]:
    """What a finished run is to its pictures, and what draws them."""
    landscape = record.landscape()
    kind = KINDS.get(str(landscape["kind"]))
    if kind is None:
        raise UserError(f"no picture shows a landscape of kind {landscape['kind']}; choose one of {', '.join(KINDS)}")
    return kind.descent(record, landscape), kind.pictures


def _player(record: RunRecord, descent: Any) -> str:
    steps = record.read(STEPS)
    return player(descent, Series(steps.column("loss/step"), steps.column("grad_norm")))


def title_of(record: RunRecord) -> str:
    """What a picture of a finished run is called."""
    params, ending = record.header.params, record.ending()
    assert ending is not None
    rate = f", lr {float(params['optimizer.lr']):g}" if "optimizer.lr" in params else ""
    return f"{params.get('name', record.header.name)}: {ending.result} after {ending.step:,} steps{rate}"


def has_diverged(record: RunRecord) -> bool:
    """Whether a finished run ended so."""
    ending = record.ending()
    return ending is not None and ending.result == "diverged"


def curve_descent(record: RunRecord, landscape: Landscape) -> CurveDescent:
    """The path of one parameter on the curve of its loss."""
    shown = loss_curve_of(landscape)
    path = np.column_stack([record.path(), landscape["losses"]])
    end = last_inside(path, shown.x, shown.y) + 2
    if "seen" in landscape:  # each step has a curve of its own
        frames = [
            (step, curve)
            for step, curve in zip(landscape["steps"].tolist(), landscape["seen"], strict=True)
            if step < end
        ]
    else:
        frames = [(step, shown.heights) for step in frames_along(path[:end], shown.x, shown.y).tolist()]
    return CurveDescent(
        title=title_of(record),
        x=shown.x,
        y=shown.y,
        grid=shown.grid,
        curve=shown.heights,
        path=path,
        diverged=has_diverged(record),
        examples=(landscape["examples"][0], landscape["examples"][1]) if "examples" in landscape else None,
        frames=frames,
    )


def loss_curve_of(landscape: Landscape) -> LossCurve:
    """The loss over one parameter."""
    return LossCurve(_range(landscape["x"]), _range(landscape["y"]), landscape["grid"], landscape["heights"])


def field_of(landscape: Landscape) -> Field:
    """The loss over two parameters, and where it falls."""
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
    """The path of a network in the plane that it spans, and its losses and accuracies."""
    evaluations, steps = record.read(EVALUATIONS), record.read(STEPS)

    def curves(measure: str) -> dict[str, Curve]:
        names = [name for name in evaluations.columns if name.startswith(f"{measure}/")]
        return {name.split("/")[1]: (evaluations.column("step"), evaluations.column(name)) for name in names}

    return PlaneDescent(
        title=title_of(record),
        grid=(landscape["first"], landscape["second"]),
        losses=landscape["heights"],
        losses_of=f"{int(landscape['examples']):,} training examples",
        path=landscape["path"],
        steps=landscape["steps"],
        explained=landscape["explained"],
        diverged=has_diverged(record),
        loss={"step": (steps.column("step"), steps.column("loss/step")), **curves("loss")},
        accuracy=curves("accuracy"),
    )


def field_descent(record: RunRecord, landscape: Landscape) -> FieldDescent:
    """The path of two parameters on the contours of their loss."""
    return FieldDescent(title_of(record), field_of(landscape), record.path(), has_diverged(record))


@dataclass(frozen=True)
class Kind:
    """A kind of landscape: what a run on it is to its pictures, and what draws the still and the animation."""

    descent: Callable[[RunRecord, Landscape], Any]
    pictures: Callable[[Any, Path, Path | None], object]


KINDS = {
    "curve": Kind(curve_descent, curve_pictures),
    "field": Kind(field_descent, field_pictures),
    "plane": Kind(plane_descent, plane_pictures),
}


def _range(ends: np.ndarray) -> Range:
    low, high = ends.tolist()
    return low, high
