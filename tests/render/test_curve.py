from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from descent.render.animation import BlittedFigure
from descent.render.curve import CurveDescent, curve_animation, curve_picture
from descent.render.trail import MAX_DRAWN

Array = NDArray[np.float64]


def descent(path: Array | None = None, diverged: bool = False) -> CurveDescent:
    """Descent on x² from 3.5, or another path."""
    grid = np.linspace(-7, 7, 50)
    x = 3.5 * 0.8 ** np.arange(11) if path is None else path
    with np.errstate(over="ignore"):
        loss = x**2
    return CurveDescent(
        title="A parabola, lr 0.1",
        x=(-7, 7),
        y=(-5, 10),
        grid=grid,
        curve=grid**2,
        path=np.stack([x, loss], axis=1),
        diverged=diverged,
        examples=None,
        frames=[(step, grid**2 + step / 10) for step in range(min(len(x) - 1, 60))],
    )


DIVERGED: dict[str, Array] = {
    "far": np.array([3.5, -6, 20, -1e4, 1e8]),
    "as far as float64 goes": np.array([3.5, 1, -1e150, 1e300]),
    "to infinity": np.array([3.5, 2, 1e300, np.inf]),
    "to nan": np.array([3.5, 2, 1e5, np.inf, np.nan]),
    "at once": np.array([3.5, np.nan]),
    "from outside": np.array([1e4, 1e8]),
}


def labels(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def line(figure: Figure, label: str) -> list[list[float]]:
    (match,) = [line for line in figure.axes[0].lines if line.get_label() == label]
    return np.array(match.get_data()).tolist()  # type: ignore[no-any-return]


def dots_of(figure: Figure) -> PathCollection:
    (dots,) = [artist for artist in figure.axes[0].collections if isinstance(artist, PathCollection)]
    return dots


def assert_drawn(path: Path, frames: int, size: tuple[int, int] = (800, 560)) -> None:
    """The picture can be read, has its size, and is not empty."""
    with Image.open(path) as image:
        assert image.size == size
        assert getattr(image, "n_frames", 1) == frames
        assert len(image.convert("RGB").getcolors(2**24) or ()) > 10


def test_the_picture_says_what_it_shows() -> None:
    figure = curve_picture(descent())
    axes = figure.axes[0]
    assert axes.get_title() == "A parabola, lr 0.1"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "loss")
    assert (axes.get_xlim(), axes.get_ylim()) == ((-7, 7), (-5, 10))
    assert labels(axes) == ["loss", "start, out of view", "end"]


def test_the_picture_marks_start_and_end_of_the_path() -> None:
    figure = curve_picture(descent())
    end = 3.5 * 0.8**10
    assert line(figure, "start, out of view") == [[3.5], [10]]  # at the rim
    assert line(figure, "end") == [[end], [end**2]]
    assert line(figure, "loss")[1] == [x**2 for x in np.linspace(-7, 7, 50)]


def test_every_position_is_a_dot_coloured_by_its_step() -> None:
    dots = dots_of(curve_picture(descent()))
    np.testing.assert_array_equal(np.asarray(dots.get_offsets()), descent().path)
    assert list(np.asarray(dots.get_array())) == list(range(11))


def test_data_in_the_plane_of_the_curve_are_shown() -> None:
    figure = curve_picture(replace(descent(), examples=(np.array([1.0, 2.0]), np.array([3.0, 4.0]))))
    assert line(figure, "data") == [[1, 2], [3, 4]]
    assert labels(figure.axes[0]) == ["data", "loss over all data", "start, out of view", "end"]


def assert_thinned(steps: Array, last: int) -> None:
    """The drawn steps of a long path are in order, include its ends, and have no large gaps."""
    assert (steps[0], steps[-1]) == (0, last)
    # Samples are even in the mean of steps and distance, so that no gap is more than twice that of even steps.
    assert 0 < np.diff(steps).min() <= np.diff(steps).max() <= 2 * last / (MAX_DRAWN - 1) + 1


@pytest.mark.parametrize("factor", [1 - 4e-4, -1, 1], ids=["slowly down", "to and fro for ever", "nowhere"])
def test_a_long_path_is_thinned_without_large_gaps(factor: float) -> None:
    long = descent(np.float64(factor) ** np.arange(25_001))
    figure = curve_picture(long)
    dots = dots_of(figure)
    steps = np.asarray(dots.get_array())
    assert len(steps) <= MAX_DRAWN
    assert_thinned(steps, 25_000)
    np.testing.assert_array_equal(np.asarray(dots.get_offsets()), long.path[steps.astype(int)])
    assert line(figure, "start") == [[value] for value in long.path[0]]
    assert line(figure, "end") == [[value] for value in long.path[-1]]


def test_a_long_path_that_diverges_is_drawn_until_it_leaves_the_view() -> None:
    long = descent(np.append(1.0 + 1e-5 * np.arange(20_000), [8.0, -90, 1000]), diverged=True)
    figure = curve_picture(long)
    assert line(figure, "diverged after step 19,999") == [[value] for value in long.path[19_999]]
    dots = dots_of(figure)
    assert np.asarray(dots.get_array())[-2:].tolist() == [19_999, 20_000]


def test_a_path_that_ends_out_of_view_is_labelled_left_the_view() -> None:
    figure = curve_picture(descent(np.array([3.0, 2, 9])))
    assert labels(figure.axes[0]) == ["loss", "start", "left the view after step 1"]


@pytest.mark.parametrize(
    ("name", "last_in_view"),
    [("far", 0), ("as far as float64 goes", 1), ("to infinity", 1), ("to nan", 1), ("at once", 0), ("from outside", 0)],
)
def test_the_last_position_in_view_of_a_diverged_path_is_marked(tmp_path: Path, name: str, last_in_view: int) -> None:
    diverged = descent(DIVERGED[name], diverged=True)
    figure = curve_picture(diverged)
    assert line(figure, f"diverged after step {last_in_view}") == [[value] for value in diverged.path[last_in_view]]
    assert "end" not in labels(figure.axes[0])
    figure.savefig(tmp_path / "a.png")
    assert_drawn(tmp_path / "a.png", frames=1)


def test_the_picture_can_be_read(tmp_path: Path) -> None:
    curve_picture(descent()).savefig(tmp_path / "a.png")
    assert_drawn(tmp_path / "a.png", frames=1)


@pytest.mark.parametrize("has_examples", [True, False])
def test_the_animation_labels_the_step_curve_only_if_there_are_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_examples: bool
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(BlittedFigure, "animate", lambda ground, *_, **__: figures.append(ground.figure))
    examples = (np.array([1.0, 2.0]), np.array([3.0, 4.0])) if has_examples else None
    curve_animation(replace(descent(), examples=examples), tmp_path / "a.gif")
    (figure,) = figures
    expected = ["data", "loss over all data", "loss the step sees"] if has_examples else ["loss"]
    assert labels(figure.axes[0]) == [*expected, "position"]


def test_the_animation_can_be_read_and_has_its_frames(tmp_path: Path) -> None:
    curve_animation(descent(), tmp_path / "a.gif")
    assert_drawn(tmp_path / "a.gif", frames=10, size=(800, 500))
    with Image.open(tmp_path / "a.gif") as image:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert durations == [200] * 9 + [2000]


@pytest.mark.parametrize("name", ["as far as float64 goes", "to nan", "at once"])
def test_a_diverged_path_is_animated_too(tmp_path: Path, name: str) -> None:
    diverged = descent(DIVERGED[name], diverged=True)
    curve_animation(diverged, tmp_path / "a.gif")
    assert_drawn(tmp_path / "a.gif", frames=len(diverged.frames), size=(800, 500))


def test_a_step_curve_that_is_not_finite_is_drawn_too(tmp_path: Path) -> None:
    blind = replace(descent(), frames=[(0, np.full(50, np.nan)), (1, np.full(50, np.inf)), (2, np.full(50, 1e300))])
    curve_animation(blind, tmp_path / "a.gif")
    assert_drawn(tmp_path / "a.gif", frames=3, size=(800, 500))


def test_a_long_path_is_animated_too(tmp_path: Path) -> None:
    path = 3 * np.exp(-4e-4 * np.arange(25_001))
    long = replace(descent(path), frames=[(step, descent().curve) for step in (0, 1, 20_000, 25_000)])
    curve_animation(long, tmp_path / "a.gif")
    assert_drawn(tmp_path / "a.gif", frames=4, size=(800, 500))
