from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from descent.render.animation import MAX_FRAMES, BlittedFigure
from descent.render.plane import PlaneDescent, plane_pictures
from descent.render.smoothing import smoothed

Draw = Callable[[PlaneDescent], Figure]
Panels = Callable[[PlaneDescent], dict[str, Axes]]

Array = NDArray[np.float64]


def descent(positions: int = 12, diverged: bool = False) -> PlaneDescent:
    """A path down a bowl, at ten steps a position."""
    remaining = np.linspace(1, 0, positions)
    path = np.stack([3 * remaining, 2 * remaining**2], axis=1)
    first, second = np.linspace(-1, 4, 9), np.linspace(-1, 3, 7)
    steps = 10 * np.arange(positions, dtype=np.float64)
    each_step = np.arange(1.0, steps[-1] + 1)
    return PlaneDescent(
        title="A network, lr 0.1",
        grid=(first, second),
        losses=first[None] ** 2 + second[:, None] ** 2,
        losses_of="loss over 2,000 training images",
        path=path,
        steps=steps,
        explained=np.array([0.9, 0.075]),
        diverged=diverged,
        loss={"step": (each_step, 2.3 / each_step), "train": (steps, 2 - remaining), "test": (steps, 2.1 - remaining)},
        accuracy={"train": (steps, 1 - remaining), "test": (steps, 0.9 * (1 - remaining))},
    )


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Draws a descent into a.png and a.gif."""
    return partial(plane_pictures, still=tmp_path / "a.png", animation=tmp_path / "a.gif")


@pytest.fixture
def panels(draw: Draw) -> Panels:
    """The panels of the picture of a descent, by name."""
    return lambda network: {str(axes.get_label()): axes for axes in draw(network).axes}


def texts(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def data(axes: Axes, label: str) -> list[list[float]]:
    (match,) = [line for line in axes.lines if line.get_label() == label]
    return np.array(match.get_data()).tolist()  # type: ignore[no-any-return]


def assert_drawn(path: Path, frames: int) -> None:
    """The picture can be read, has its size, and is not empty."""
    with Image.open(path) as image:
        assert image.size == (1000, 560)
        assert getattr(image, "n_frames", 1) == frames
        assert len(image.convert("RGB").getcolors(2**24) or ()) > 10


def test_the_picture_says_what_it_shows(draw: Draw) -> None:
    figure = draw(descent())
    title = figure.get_suptitle()
    assert title == "A network, lr 0.1"
    labels = {axes.get_ylabel() for axes in figure.axes} | {axes.get_xlabel() for axes in figure.axes}
    assert {
        "1st principal direction (90 %)",
        "2nd (8 %)",
        "loss over 2,000 training images",
        "loss",
        "accuracy",
        "step",
    } <= labels


def test_the_plane_shows_the_path_from_its_start_to_its_end(panels: Panels) -> None:
    plane = panels(descent())["plane"]
    assert data(plane, "start") == [[3], [2]]
    assert data(plane, "end") == [[0], [0]]
    (dots,) = [artist for artist in plane.collections if isinstance(artist, PathCollection)]
    np.testing.assert_array_equal(np.asarray(dots.get_offsets()), descent().path)
    assert np.asarray(dots.get_array()).tolist() == descent().steps.tolist()
    assert texts(plane) == ["start", "end"]


def test_the_animation_ends_with_the_whole_path_marked_at_its_last_step_in_both_panels(panels: Panels) -> None:
    network = descent()
    named_axes = panels(network)
    lines = [np.array(line.get_xydata()) for line in named_axes["plane"].lines]
    assert sum(np.array_equal(line, network.path) for line in lines) == 3  # the still, the grey track, and the trail
    assert sum(np.array_equal(line, network.path[-1:]) for line in lines) == 2  # the end, and the moving position
    for name in ("loss", "accuracy"):
        assert np.array(named_axes[name].lines[-1].get_xdata()).tolist() == [network.steps[-1]] * 2
    assert [text.get_text() for text in named_axes["plane"].texts] == ["step 110"]


def test_a_frames_trail_ends_at_its_position(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    trails: list[Array] = []

    def look(
        self: BlittedFigure, path: Path, artists: Sequence[Artist], draw: Callable[[int], None], *_: int, **__: int
    ) -> None:
        (trail,) = (line for line in artists if isinstance(line, Line2D) and line.get_marker() == ".")
        for frame in range(12):
            draw(frame)
            trails.append(np.array(trail.get_xydata()))

    monkeypatch.setattr(BlittedFigure, "animate", look)
    draw(descent())
    assert len(trails) == 12
    for frame, trail in enumerate(trails):
        np.testing.assert_array_equal(trail, descent().path[: frame + 1])


def test_the_still_has_no_step_marks_and_each_frame_has_its_own(draw: Draw, tmp_path: Path) -> None:
    """The still has no step mark in the panels, and each frame has one."""
    draw(descent())
    with Image.open(tmp_path / "a.png") as still, Image.open(tmp_path / "a.gif") as animation:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(animation)]
        marks = [red_in_the_panels(image) for image in (still, *frames)]
    assert marks[0] == 0
    assert min(marks[1:]) > 100
    assert max(marks[1:]) < 2 * min(marks[1:])


def red_in_the_panels(image: Image.Image) -> int:
    """How many pixels of the right third are RED: no other colour there has so much more red than green."""
    red, green, _ = np.asarray(image.convert("RGB"), dtype=int)[:, 2 * image.width // 3 :].transpose(2, 0, 1)
    return int((red - green > 90).sum())


def test_a_diverged_path_has_the_label_diverged(panels: Panels) -> None:
    assert texts(panels(descent(diverged=True))["plane"]) == ["start", "diverged"]


def test_the_curves_are_those_of_steps_and_evaluations(panels: Panels) -> None:
    network = descent()
    named_axes = panels(network)
    for name, curves in (("loss", network.loss), ("accuracy", network.accuracy)):
        evaluated = {label: curve for label, curve in curves.items() if label != "step"}
        for label, curve in evaluated.items():
            assert data(named_axes[name], label) == [list(column) for column in curve]
            (line,) = [line for line in named_axes[name].lines if line.get_label() == label]
            assert line.get_marker() not in ("", "None")
        smooth = ["steps, running mean"] if "step" in curves else []
        assert texts(named_axes[name]) == [*smooth, *evaluated]
    steps, losses = network.loss["step"]
    assert data(named_axes["loss"], "steps, running mean") == [steps.tolist(), smoothed(losses).tolist()]
    assert any(np.array_equal(np.array(line.get_ydata()), losses) for line in named_axes["loss"].lines)


def test_loss_and_accuracy_share_the_axis_of_steps(panels: Panels) -> None:
    steps, accuracies = descent().accuracy["train"]
    named_axes = panels(replace(descent(), accuracy={"train": (steps[:6], accuracies[:6])}))
    assert named_axes["loss"].get_xlim() == named_axes["accuracy"].get_xlim()
    assert named_axes["loss"].get_xlim()[1] > steps[-1]


@pytest.mark.parametrize(("positions", "frames"), [(2, 2), (12, 12), (101, MAX_FRAMES)])
def test_the_animation_takes_six_seconds_however_long_the_path(
    draw: Draw, tmp_path: Path, positions: int, frames: int
) -> None:
    draw(descent(positions))
    assert_drawn(tmp_path / "a.png", frames=1)
    assert_drawn(tmp_path / "a.gif", frames)
    with Image.open(tmp_path / "a.gif") as image:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert durations == [6000 // frames] * (frames - 1) + [2000]


def diverged(scale: float) -> PlaneDescent:
    """A path that goes far, and whose last evaluations are not finite."""
    short = descent(4, diverged=True)
    with np.errstate(over="ignore"):
        losses = short.losses * scale * scale
    steps = short.steps
    return replace(
        short,
        grid=(short.grid[0] * scale, short.grid[1] * scale),
        losses=losses,
        path=short.path * scale,
        loss={
            "step": (np.arange(1.0, 4), np.array([2.3, scale, np.nan])),
            "train": (steps, np.array([2.3, scale, np.inf, np.nan])),
            "test": (steps, np.array([2.3, scale, np.inf, np.nan])),
        },
    )


ENDS: dict[str, PlaneDescent] = {
    "far": diverged(1e12),
    "as far as float32 goes": diverged(1e36),
    "where losses are infinite": replace(diverged(1e6), losses=np.where(np.eye(7, 9) > 0, np.inf, 1e9)),
    "where some losses are nan": replace(diverged(1e6), losses=np.where(np.eye(7, 9) > 0, np.nan, descent().losses)),
    "where all losses are nan": replace(diverged(1e6), losses=np.full((7, 9), np.nan)),
    "where all losses are infinite": replace(diverged(1e6), losses=np.full((7, 9), np.inf)),
    "over a level floor": replace(descent(), losses=np.full((7, 9), 2.5)),
    "nowhere": replace(
        descent(2, diverged=True), path=np.zeros((2, 2)), explained=np.zeros(2), loss={"step": (np.ones(1), np.ones(1))}
    ),
    "at once": replace(descent(2, diverged=True), path=np.zeros((1, 2)), steps=np.array([0]), explained=np.zeros(2)),
}


@pytest.mark.parametrize("name", ENDS)
def test_diverged_and_degenerate_paths_are_drawn_too(draw: Draw, tmp_path: Path, name: str) -> None:
    draw(ENDS[name])
    assert_drawn(tmp_path / "a.png", frames=1)
    assert_drawn(tmp_path / "a.gif", frames=len(ENDS[name].path))


def test_a_problem_without_accuracies_has_only_the_panel_of_losses(panels: Panels) -> None:
    named_axes = panels(replace(descent(), accuracy={}))
    assert {"plane", "loss"} <= named_axes.keys()
    assert "accuracy" not in named_axes
    assert named_axes["loss"].get_xlabel() == "step"
