from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from descent.plots.animation import save_animation

RED = (255, 0, 0)


def animate(path: Path, frames: int, seconds: float) -> None:
    """A red square that goes from the left edge to the right one, a frame a place."""
    figure = Figure(figsize=(4, 1), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, frames), ylim=(0, 1))
    axes.set_axis_off()
    (square,) = axes.plot([], [], "s", color="red", markersize=8, markeredgewidth=0)
    save_animation(path, figure, [square], lambda frame: square.set_data([frame + 0.5], [0.5]), frames, seconds)


def red_at(image: Image.Image) -> float:
    """Where the red pixels of an image are, on average, as a share of its width."""
    pixels = np.array(image.convert("RGB"))
    columns = np.flatnonzero((pixels == RED).all(axis=2).any(axis=0))
    return float(columns.mean()) / image.width


@pytest.mark.parametrize("frames", [1, 2, 5, 20])
def test_every_frame_shows_what_moves_where_it_then_is_and_nowhere_else(tmp_path: Path, frames: int) -> None:
    animate(tmp_path / "a.gif", frames, seconds=2)
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.format, image.size) == ("GIF", (400, 100))
        seen = [red_at(frame) for frame in ImageSequence.Iterator(image)]
    assert seen == pytest.approx([(frame + 0.5) / frames for frame in range(frames)], abs=0.01)


@pytest.mark.parametrize(("frames", "seconds", "each"), [(20, 2, 100), (5, 2, 400), (4, 0.2, 50)])
def test_it_takes_its_time_and_the_last_frame_stands_two_seconds(
    tmp_path: Path, frames: int, seconds: float, each: int
) -> None:
    animate(tmp_path / "a.gif", frames, seconds)
    with Image.open(tmp_path / "a.gif") as image:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert durations == [each] * (frames - 1) + [2000]


def test_it_plays_over_and_over(tmp_path: Path) -> None:
    animate(tmp_path / "a.gif", 3, 1)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["loop"] == 0


def test_a_frame_like_the_one_before_keeps_its_time(tmp_path: Path) -> None:
    figure = Figure(figsize=(2, 1), dpi=100)
    save_animation(tmp_path / "a.gif", figure, [], lambda frame: None, frames=6, seconds=1.2)
    with Image.open(tmp_path / "a.gif") as image:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert sum(durations) == 5 * 200 + 2000
