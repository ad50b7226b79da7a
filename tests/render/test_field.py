from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from descent.render.animation import MAX_FRAMES
from descent.render.field import BANDS, Field, FieldDescent, field_pictures

Array = NDArray[np.float64]
Draw = Callable[[FieldDescent], Figure]
START = np.array([-3.0, 4.0])


def bowl(narrow: float = 1.0) -> Field:
    """x² + y², steeper along y by a factor; its arrows are not on the grid."""
    first, second = np.linspace(-5, 5, 41), np.linspace(-5, 5, 31)
    arrows = np.stack(np.meshgrid(np.linspace(-4.5, 4.5, 10), np.linspace(-4.5, 4.5, 10)), axis=-1).reshape(-1, 2)
    return Field(
        x=(-5, 5),
        y=(-5, 5),
        grid=(first, second),
        heights=first[None] ** 2 + narrow * second[:, None] ** 2,
        arrows=arrows,
        downhill=-2 * arrows * [1, narrow],
        minima=[(0, 0)],
    )


def descent(factor: float = 0.8, steps: int = 20, diverged: bool = False) -> FieldDescent:
    """Descent on the bowl; a step multiplies the position by a factor."""
    with np.errstate(over="ignore"):
        return FieldDescent("A bowl, lr 0.1", bowl(), START * factor ** np.arange(steps + 1)[:, None], diverged)


def along(*positions: tuple[float, float], diverged: bool = False) -> FieldDescent:
    return replace(descent(diverged=diverged), path=np.array(positions))


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Draws a descent into a.png and a.gif."""
    return partial(field_pictures, still=tmp_path / "a.png", animation=tmp_path / "a.gif")


def labels(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def line(figure: Figure, label: str) -> list[list[float]]:
    (match,) = [line for line in figure.axes[0].lines if line.get_label() == label]
    return np.array(match.get_data()).tolist()  # type: ignore[no-any-return]


def arrows(field: Field) -> tuple[Array, Array]:
    """The positions and the vectors of a field's arrows as drawn."""
    axes: Axes = Figure().subplots()
    field.draw(axes)
    (quiver,) = [artist for artist in axes.collections if isinstance(artist, Quiver)]
    return np.asarray(quiver.XY), np.stack([quiver.U, quiver.V], axis=1)


def assert_drawn(path: Path, frames: int) -> None:
    """The picture can be read, has its size, and is not empty."""
    with Image.open(path) as image:
        assert image.size == (800, 770)
        assert getattr(image, "n_frames", 1) == frames
        assert len(image.convert("RGB").getcolors(2**24) or ()) > 10


def test_the_picture_says_what_it_shows(draw: Draw) -> None:
    figure = draw(descent())
    axes, bar, steps = figure.axes
    assert axes.get_title() == "A bowl, lr 0.1"
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("x", "y", "loss")
    assert (axes.get_xlim(), axes.get_ylim(), axes.get_aspect()) == ((-5, 5), (-5, 5), 1)
    assert labels(figure) == ["start", "end", "minimum"]
    assert (steps.get_xlabel(), [text.get_text() for text in steps.get_xticklabels()]) == (
        "step", ["0", "1", "5", "10", "20"],
    )  # fmt: skip


def test_the_picture_marks_the_path_its_start_its_end_and_the_minima(draw: Draw) -> None:
    marked = replace(descent(), field=replace(bowl(), minima=[(0, 0), (1, 2)]))
    figure = draw(marked)
    assert line(figure, "start") == [[-3], [4]]
    assert line(figure, "end") == [[value] for value in marked.path[-1]]
    assert line(figure, "minima") == [[0, 1], [0, 2]]
    (dots,) = [artist for artist in figure.axes[0].collections if isinstance(artist, PathCollection)]
    np.testing.assert_array_equal(np.asarray(dots.get_offsets()), marked.path)
    assert np.asarray(dots.get_array()).tolist() == list(range(len(marked.path)))


def test_the_minimum_is_seen_through_the_mark_of_the_end(draw: Draw) -> None:
    figure = draw(descent(0.1))
    above = {line.get_label(): line for line in figure.axes[0].lines}
    assert above["minimum"].get_zorder() > above["end"].get_zorder()
    assert above["end"].get_markerfacecolor() == "none"
    assert above["end"].get_markersize() > 2 * above["minimum"].get_markersize()


def test_a_field_without_known_minima_shows_none(draw: Draw) -> None:
    assert labels(draw(replace(descent(), field=replace(bowl(), minima=[])))) == ["start", "end"]


def test_arrows_point_along_the_negative_gradient_and_do_not_overlap() -> None:
    field = bowl(narrow=4)
    positions, vectors = arrows(field)
    np.testing.assert_array_equal(positions, field.arrows)
    lengths = np.hypot(*vectors.T)
    np.testing.assert_allclose(vectors / lengths[:, None], field.downhill / np.hypot(*field.downhill.T)[:, None])
    assert lengths.max() == pytest.approx(0.9)  # they are 1 apart


@pytest.mark.parametrize("power", [1, 12])
def test_arrows_get_longer_with_the_slope_and_none_is_invisible(power: int) -> None:
    field = bowl()
    slopes = np.hypot(*field.downhill.T)[:, None] ** power
    _, vectors = arrows(replace(field, downhill=field.downhill * slopes))
    lengths = np.hypot(*vectors.T)
    order = np.argsort(slopes[:, 0])
    assert (np.diff(lengths[order]) >= -1e-12).all()
    assert np.median(lengths) > 0.05


def test_arrows_up_to_the_median_slope_are_nearly_proportional_to_it() -> None:
    field = bowl()
    _, vectors = arrows(field)
    slopes = np.hypot(*field.downhill.T)
    gentle = slopes <= np.median(slopes)
    ratios = (np.hypot(*vectors.T) / slopes)[gentle]
    assert ratios.min() >= (1 - 1 / 6) * ratios.max()  # x - x³/6 <= arcsinh(x) <= x


def test_arrow_lengths_do_not_depend_on_the_scale_of_the_loss() -> None:
    field = bowl()
    for expected, scaled in zip(arrows(field), arrows(replace(field, downhill=1e-9 * field.downhill)), strict=True):
        np.testing.assert_allclose(scaled, expected)


def test_each_band_of_height_has_a_colour_of_its_own_and_a_line_to_the_next() -> None:
    axes: Axes = Figure().subplots()
    bowl().draw(axes)
    filled, lines = (artist for artist in axes.collections if isinstance(artist, QuadContourSet))
    levels = np.asarray(filled.levels)
    assert len(np.unique(np.asarray(filled.get_facecolor()), axis=0)) == len(levels) - 1 == BANDS
    np.testing.assert_array_equal(np.asarray(lines.levels), levels[1:-1])


def test_zero_and_non_finite_slopes_have_no_arrow() -> None:
    field = bowl()
    field.downhill[:4] = np.array([[0, 0], [np.nan, 1], [np.inf, 0], [1e300, -np.inf]])
    positions, vectors = arrows(field)
    np.testing.assert_array_equal(positions, field.arrows[4:])
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("scale", [1e-12, 1, 1e12])
def test_losses_of_any_scale_have_levels(draw: Draw, scale: float) -> None:
    figure = draw(replace(descent(), field=replace(bowl(), heights=bowl().heights * scale)))
    _, bar, _ = figure.axes
    tick_values = [float(text.get_text().replace(",", "")) for text in bar.get_yticklabels()]
    assert len(tick_values) == 6
    assert tick_values == sorted(tick_values)
    assert tick_values[-1] == pytest.approx(50 * scale, rel=0.01)


DIVERGED: dict[str, tuple[FieldDescent, int]] = {
    "far": (along((-3, 4), (-4, 4.5), (20, -20), (-1e4, 1e4), diverged=True), 1),
    "at once": (along((-3, 4), (57, -76), diverged=True), 0),
    "as far as float64 goes": (along((-3, 4), (1e150, 1), (-1e300, 1e300), diverged=True), 0),
    "to infinity": (along((-3, 4), (1, 1), (np.inf, -np.inf), diverged=True), 1),
    "to nan": (along((-3, 4), (1, 1), (1e9, 1), (np.inf, 1), (np.nan, np.nan), diverged=True), 1),
    "without leaving": (along((-3, 4), (1, 1), (1, 1), diverged=True), 2),
    "from outside": (along((30, 4), (1e4, 1e4), diverged=True), 0),
    "after 25,000 steps": (descent(-1.00004, 25_000, diverged=True), 5_578),
}


@pytest.mark.parametrize("name", DIVERGED)
def test_the_last_position_in_view_of_a_diverged_path_is_marked(draw: Draw, tmp_path: Path, name: str) -> None:
    diverged, last_in_view = DIVERGED[name]
    figure = draw(diverged)
    assert line(figure, f"diverged after step {last_in_view:,}") == [[value] for value in diverged.path[last_in_view]]
    assert "end" not in labels(figure)
    assert_drawn(tmp_path / "a.png", frames=1)
    assert_drawn(tmp_path / "a.gif", frames=min(last_in_view + 2, len(diverged.path), MAX_FRAMES))


def test_a_path_that_ends_out_of_view_is_labelled_left_the_view(draw: Draw) -> None:
    assert labels(draw(along((0, 1), (9, 9), (1, 1), (0, 7)))) == [
        "start", "left the view after step 2", "minimum",
    ]  # fmt: skip


OTHERS: dict[str, FieldDescent] = {
    "to and fro for ever": descent(-1, 25_000),
    "nowhere": descent(1, 25_000),
    "hardly": descent(1 - 2e-10, 100),
    "one step": descent(steps=1),
    "over a level floor": replace(descent(), field=replace(bowl(), heights=np.full((31, 41), 2.5))),
    "without a slope": replace(descent(), field=replace(bowl(), downhill=np.zeros((100, 2)))),
    "over nothing known": replace(descent(), field=replace(bowl(), heights=np.full((31, 41), np.nan))),
    "beside infinite heights": replace(
        descent(), field=replace(bowl(), heights=np.where(np.eye(31, 41) > 0, np.inf, bowl().heights))
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_path_is_drawn(draw: Draw, tmp_path: Path, name: str) -> None:
    draw(OTHERS[name])
    assert_drawn(tmp_path / "a.png", frames=1)
    assert_drawn(tmp_path / "a.gif", frames=min(len(OTHERS[name].path), MAX_FRAMES))


def test_a_wide_view_makes_a_wide_picture(draw: Draw, tmp_path: Path) -> None:
    wide = replace(descent(), field=replace(bowl(), y=(-2, 3)))
    draw(wide)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (800, 480)


def test_the_animation_shows_ten_steps_a_second(draw: Draw, tmp_path: Path) -> None:
    draw(descent())
    with Image.open(tmp_path / "a.gif") as image:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert durations == [100] * 20 + [2000]


def test_the_still_picture_shows_the_whole_path_and_the_animation_no_end_before_its_last_frame(
    draw: Draw, tmp_path: Path
) -> None:
    figure = draw(along((-3, 4), (0, 4), (3, -4)))
    assert [line.get_visible() for line in figure.axes[0].lines if line.get_label() == "end"] == [True]
    box = figure.axes[0].get_window_extent()
    height = int(figure.bbox.height)
    view = int(box.x0), height - int(box.y1), int(box.x1), height - int(box.y0)
    with Image.open(tmp_path / "a.png") as image:
        still = warm(image.crop(view))
    x, up = figure.axes[0].transData.transform((3, -4)).round().astype(int)
    with Image.open(tmp_path / "a.gif") as image:
        around_the_end = (x - 14, image.height - up - 14, x + 14, image.height - up + 14)
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
    first, *_, last = (warm(frame.crop(view)) for frame in frames)
    assert first < last / 2
    assert still > 0.6 * last  # which has the large dot of its position as well
    assert warm(frames[0].crop(around_the_end)) == 0 < warm(frames[-1].crop(around_the_end))


def warm(image: Image.Image) -> int:
    """How many pixels are red or orange, as a path is, and bands of loss are not."""
    red, _, blue = np.moveaxis(np.array(image.convert("RGB")).astype(int), 2, 0)
    return int((red - blue > 80).sum())
