from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from descent.render.animation import MAX_FRAMES, BlittedFigure, frame_indices

RED = (255, 0, 0)


def animate(path: Path, frames: int, seconds: float) -> None:
    """Animate a red square that moves from the left edge to the right one."""
    figure = Figure(figsize=(4, 1), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, frames), ylim=(0, 1))
    axes.set_axis_off()
    (square,) = axes.plot([], [], "s", color="red", markersize=8, markeredgewidth=0)
    BlittedFigure(figure, [square]).animate(
        path, [square], lambda frame: square.set_data([frame + 0.5], [0.5]), frames, seconds
    )


def red_at(image: Image.Image) -> float:
    """The mean horizontal position of the red pixels of an image, as a share of its width."""
    pixels = np.array(image.convert("RGB"))
    columns = np.flatnonzero((pixels == RED).all(axis=2).any(axis=0))
    return float(columns.mean()) / image.width


@pytest.mark.parametrize("frames", [1, 2, 5, 20])
def test_every_frame_shows_the_moving_artist_only_at_its_current_position(tmp_path: Path, frames: int) -> None:
    animate(tmp_path / "a.gif", frames, seconds=2)
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.format, image.size) == ("GIF", (400, 100))
        positions = [red_at(frame) for frame in ImageSequence.Iterator(image)]
    assert positions == pytest.approx([(frame + 0.5) / frames for frame in range(frames)], abs=0.01)


@pytest.mark.parametrize(("frames", "seconds", "duration"), [(20, 2, 100), (5, 2, 400), (4, 0.2, 50)])
def test_frames_have_equal_durations_and_the_last_one_two_seconds(
    tmp_path: Path, frames: int, seconds: float, duration: int
) -> None:
    animate(tmp_path / "a.gif", frames, seconds)
    with Image.open(tmp_path / "a.gif") as image:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert durations == [duration] * (frames - 1) + [2000]


def test_it_loops_forever(tmp_path: Path) -> None:
    animate(tmp_path / "a.gif", 3, 1)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["loop"] == 0


def test_equal_frames_keep_their_durations(tmp_path: Path) -> None:
    figure = Figure(figsize=(2, 1), dpi=100)
    BlittedFigure(figure, []).animate(tmp_path / "a.gif", [], lambda frame: None, frames=6, seconds=1.2)
    with Image.open(tmp_path / "a.gif") as image:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert sum(durations) == 5 * 200 + 2000


def test_a_small_mark_keeps_its_colour_on_a_background_of_many_colours(tmp_path: Path) -> None:
    figure = Figure(figsize=(4, 4), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(np.add.outer(np.arange(200), np.arange(200)), cmap="Blues", aspect="auto")
    (mark,) = axes.plot(100, 100, "s", color="red", markersize=4, markeredgewidth=0)
    BlittedFigure(figure, [mark]).animate(tmp_path / "a.gif", [mark], lambda frame: None, frames=1, seconds=1)
    with Image.open(tmp_path / "a.gif") as image:
        middle = np.array(image.convert("RGB"))[195:205, 195:205].reshape(-1, 3).astype(int)
    assert abs(middle - RED).sum(axis=1).min() < 40


VIEW = (-1.0, 1.0)


def fast_then_slow(steps: int) -> NDArray[np.float64]:
    """Half of the distance in the first tenth of the steps, the other half in the others."""
    x = np.interp(np.arange(steps + 1), [0, steps / 10, steps], [-1, 0, 1])
    return x[:, None]


def test_frames_are_spaced_evenly_in_the_mean_of_steps_and_distance() -> None:
    frames = frame_indices(fast_then_slow(10_000), VIEW)
    assert (frames[0], frames[-1], len(frames)) == (0, 10_000, MAX_FRAMES)
    # The mean of a tenth of the steps and half of the distance.
    assert (frames <= 1_000).mean() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("positions", [1, 2, MAX_FRAMES])
def test_all_of_a_short_path_are_frames(positions: int) -> None:
    path = np.random.default_rng(0).normal(size=(positions, 2))
    assert frame_indices(path, VIEW, VIEW).tolist() == list(range(positions))


LONG: dict[str, NDArray[np.float64]] = {
    "that never moves": np.full((5_000, 2), 0.5),
    "to and fro": np.tile([[0.5, 0.5], [-0.5, -0.5]], (2_500, 1)),
    "that leaves": np.geomspace(1e-3, 1e300, 5_000)[:, None] * [1, -1],
    "to infinity": np.vstack([np.zeros((4_998, 2)), np.full((1, 2), np.inf), np.full((1, 2), np.nan)]),
    "nowhere": np.full((5_000, 2), np.nan),
}


@pytest.mark.parametrize("name", LONG)
def test_frames_of_any_long_path_include_the_first_and_the_last_position(name: str) -> None:
    frames = frame_indices(LONG[name], VIEW, VIEW)
    assert (frames[0], frames[-1]) == (0, 4_999)
    assert MAX_FRAMES / 2 <= len(frames) <= MAX_FRAMES
    assert (np.diff(frames) > 0).all()


def test_frames_of_a_constant_path_are_spaced_evenly_in_steps() -> None:
    gaps = np.diff(frame_indices(LONG["that never moves"], VIEW, VIEW))
    assert gaps.max() - gaps.min() <= 1


def test_distance_outside_the_view_does_not_count() -> None:
    path = fast_then_slow(10_000)
    far = np.where(np.arange(10_001)[:, None] < 5_000, path, 1e6)
    # The first tenth of the steps is half of the distance from -1 to 1, as without the jump.
    assert (frame_indices(far, VIEW) <= 1_000).sum() == pytest.approx(0.3 * MAX_FRAMES, abs=1)
