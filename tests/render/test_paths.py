from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from descent.render.curve import LossCurve
from descent.render.field import Field
from descent.render.paths import HEADROOM, MAX_EXTRA_WIDTH, LabelledPath, paths_picture

Array = NDArray[np.float64]
START = np.array([-3.0, 4.0])


def bowl() -> Field:
    side = np.linspace(-5, 5, 21)
    arrows = np.stack(np.meshgrid(side[1::4], side[1::4]), axis=-1).reshape(-1, 2)
    return Field((-5, 5), (-5, 5), (side, side), side**2 + side[:, None] ** 2, arrows, -2 * arrows, [(0, 0)])


def run(lr: float, steps: int = 30, result: str = "converged") -> LabelledPath:
    """Steepest descent on x² + y²."""
    with np.errstate(over="ignore"):
        path = START * (1 - 2 * lr) ** np.arange(steps + 1)[:, None]
        return LabelledPath(f"lr {lr:g}: {result}", path, (path**2).sum(axis=1), diverged=result == "diverged")


ARTICLE = [
    replace(path, colour=colour)
    for path, colour in zip(
        [run(1e-10, result="finished"), run(0.1), run(10, 2, "diverged")], ["red", "green", "blue"], strict=True
    )
]


def labels(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def colour_of(figure: Figure, label: str) -> str:
    (match,) = [line for line in figure.axes[0].lines if line.get_label() == label]
    return str(match.get_color())


def marks(figure: Figure, marker: str) -> dict[str, list[float]]:
    """The positions of the marks of a kind, by their colours."""
    lines = [line for line in figure.axes[0].lines if line.get_marker() == marker]
    first_points = {str(line.get_color()): np.array(line.get_xydata()) for line in lines}
    return {colour: positions[0].tolist() for colour, positions in first_points.items() if positions.size}


def test_the_picture_says_what_it_shows() -> None:
    figure = paths_picture("Three rates", bowl(), ARTICLE)
    assert figure.get_suptitle() == "Three rates"
    assert labels(figure) == [
        "lr 1e-10: finished", "lr 0.1: converged", "lr 10: diverged", "minimum", "start", "end", "diverged",
    ]  # fmt: skip
    plane, losses = figure.axes[:2]
    assert (plane.get_xlabel(), plane.get_ylabel()) == ("x", "y")
    assert (losses.get_xlabel(), losses.get_ylabel()) == ("step", "loss")


def test_each_run_has_one_colour_in_both_panels_and_at_its_end() -> None:
    figure = paths_picture("Three rates", bowl(), ARTICLE)
    colours = [colour_of(figure, path.label) for path in ARTICLE]
    assert colours == ["red", "green", "blue"]
    assert [line.get_color() for line in figure.axes[1].lines] == colours
    assert list(marks(figure, "*")) == colours[:2]
    assert list(marks(figure, "X")) == colours[2:]


def test_paths_are_shown_where_they_are_and_losses_over_their_steps() -> None:
    figure = paths_picture("Two rates", bowl(), ARTICLE[:2])
    plane, losses = figure.axes[:2]
    for path, loss in zip(ARTICLE[:2], losses.lines, strict=True):
        (match,) = [line for line in plane.lines if line.get_label() == path.label]
        np.testing.assert_array_equal(np.array(match.get_xydata()), path.path)
        np.testing.assert_array_equal(np.array(loss.get_xydata()), np.stack([np.arange(31), path.losses], axis=1))


@pytest.mark.parametrize("count", [1, 3, 20])
def test_a_path_is_wider_than_those_above_it(count: int) -> None:
    paths = [run(0.1 + index / 100) for index in range(count)]
    widths = np.array([line.get_linewidth() for line in paths_picture("", bowl(), paths).axes[1].lines])
    assert (np.diff(widths) < 0).all()
    assert widths.max() <= widths.min() + MAX_EXTRA_WIDTH


def test_a_run_that_leaves_the_view_is_marked_at_the_edge() -> None:
    (edge,) = marks(paths_picture("", bowl(), [run(10, 2, "diverged")]), "X").values()
    assert edge == pytest.approx([3.75, -5])  # on the line through the start and the origin


@pytest.mark.parametrize(
    ("path", "edge"),
    [
        ([(-3, 4), (np.inf, 4)], (-3, 4)),
        ([(-3, 4), (np.nan, np.nan)], (-3, 4)),
        ([(-3, 4), (-3, 1e300)], (-3, 5)),
        ([(-3, 4), (9, 0), (1, 1), (1, 9), (0, 30)], (1, 5)),
        ([(-3, 4), (1, 1)], (1, 1)),
        ([(7, 4), (70, 40)], (5, 4)),
    ],
)
def test_every_diverged_run_has_its_mark_in_view(
    tmp_path: Path, path: list[tuple[float, float]], edge: tuple[float, float]
) -> None:
    diverged = LabelledPath("lr 10", np.array(path), np.array([25.0, *[np.inf] * (len(path) - 1)]), diverged=True)
    figure = paths_picture("", bowl(), [diverged])
    assert list(marks(figure, "X").values()) == [pytest.approx(edge)]
    figure.savefig(tmp_path / "a.png")


def test_a_run_that_ends_out_of_view_without_diverging_is_labelled_left_the_view() -> None:
    left = LabelledPath("lr 1", np.array([(0.0, 0), (6, 0)]), np.array([0.0, 36]), diverged=False)
    assert labels(paths_picture("", bowl(), [left])) == ["lr 1", "minimum", "start", "left the view"]


def test_a_view_is_of_both_components(tmp_path: Path) -> None:
    high = replace(bowl(), x=(-1, 1), y=(0, 9))
    for end, label in (((0.5, 8.5), "end"), ((0.5, -0.5), "left the view"), ((1.5, 8.5), "left the view")):
        path = LabelledPath("lr 1", np.array([(0.0, 1.0), end]), np.array([1.0, 2.0]), diverged=False)
        assert labels(paths_picture("", high, [path]))[-1] == label


def test_paths_of_one_parameter_are_on_the_curve_of_its_loss() -> None:
    grid = np.linspace(-2, 2, 9)
    path = LabelledPath("lr 0.1", np.array([(2.0, 4.0), (1.0, 1.0)]), np.array([4.0, 1.0]), diverged=False)
    plane = paths_picture("", LossCurve((-3, 3), (-1, 5), grid, grid**2), [path]).axes[0]
    assert (plane.get_xlim(), plane.get_ylim()) == ((-3, 3), (-1, 5))
    assert (plane.get_xlabel(), plane.get_ylabel()) == ("x", "loss")
    curve, *_ = plane.lines
    np.testing.assert_array_equal(np.array(curve.get_xydata()), np.stack([grid, grid**2], axis=1))


def test_positive_losses_have_a_logarithmic_scale_that_diverged_runs_do_not_stretch() -> None:
    runs = [run(0.1), run(1.5, 400, "diverged")]
    figure = paths_picture("", bowl(), runs)
    losses = figure.axes[1]
    low, high = losses.get_ylim()
    assert losses.get_yscale() == "log"
    assert 0 < low <= runs[0].losses.min()
    assert 25 < high <= 2 * 25 * HEADROOM


def test_a_loss_of_zero_leaves_the_scale_logarithmic(tmp_path: Path) -> None:
    figure = paths_picture("", bowl(), [run(0.5), run(0.1)])
    low, high = figure.axes[1].get_ylim()
    assert figure.axes[1].get_yscale() == "log"
    assert 0 < low < 1e-4
    assert high > 25
    figure.savefig(tmp_path / "a.png")


def test_negative_losses_have_a_linear_scale_over_the_positions_in_view() -> None:
    lower = [replace(path, losses=path.losses - 30) for path in ARTICLE]
    low, high = paths_picture("", bowl(), lower).axes[1].get_ylim()
    assert (low, high) == pytest.approx((-30 - 0.05 * 25, -5 + 0.05 * 25), abs=1e-3)  # from 25 down to 0, less 30


def test_the_last_loss_may_be_missing(tmp_path: Path) -> None:
    figure = paths_picture("", bowl(), [replace(path, losses=path.losses[:-1]) for path in ARTICLE])
    assert np.array(figure.axes[1].lines[0].get_xydata()).shape == (30, 2)


@pytest.mark.parametrize(
    "paths",
    [ARTICLE, [run(1, 25_000), run(1e-3, 25_000)], [run(0.1 + index / 100) for index in range(9)], [run(0, 1)]],
    ids=["three", "long", "many", "still"],
)
def test_the_picture_can_be_read(tmp_path: Path, paths: list[LabelledPath]) -> None:
    paths_picture("Rates", bowl(), paths).savefig(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1200, 560)
        assert len(image.convert("RGB").getcolors(2**24) or ()) > 10
