import numpy as np
import pytest

from descent.render.bands import COLUMNS, Band, bands_picture
from descent.render.style import REST
from descent.render.trail import Array


def band(label: str, middle: list[float], colour: str = "red") -> Band:
    values: Array = np.array(middle, dtype=np.float64)
    steps: Array = 10 * np.arange(len(values), dtype=np.float64)
    return Band(label, steps, values, values - 0.1, values + 0.1, colour)


def test_each_kind_has_a_panel_and_each_group_a_line_with_its_band() -> None:
    sgd, adam = (
        [band("lr=0.1", [3.0, 2.0, 1.0], "red"), band("lr=1", [3.0, 4.0, np.inf], "blue")],
        [band("lr=0.1", [3.0, 1.0, 0.5])],
    )
    figure = bands_picture("A sweep", "loss/train", {"sgd": sgd, "adam": adam})
    assert figure.get_suptitle() == "A sweep"
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("sgd", "adam")
    np.testing.assert_allclose(np.array(first.lines[0].get_xydata()), [[0, 3], [10, 2], [20, 1]])
    np.testing.assert_allclose(np.array(first.lines[1].get_xydata()), [[0, 3], [10, 4]])  # up to where it diverged
    assert [text.get_text() for text in first.texts] == ["lr=0.1", "lr=1"]
    assert [text.get_color() for text in first.texts] == [line.get_color() for line in first.lines] == ["red", "blue"]
    low, high = first.collections[0].get_datalim(first.transData).intervaly
    assert (low, high) == pytest.approx((0.9, 3.1))
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("kinds", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (COLUMNS, 1, COLUMNS), (COLUMNS + 1, 2, COLUMNS)]
)
def test_every_kind_has_a_panel_beside_or_below_the_others_on_the_same_axes(
    kinds: int, rows: int, columns: int
) -> None:
    panels = {f"kind {n}": [band("lr=0.1", [1.0, 0.5 - n])] for n in range(kinds)}
    figure = bands_picture("A sweep", "loss/train", panels)
    assert [axes.get_title() for axes in figure.axes] == list(panels)
    for axes in figure.axes:
        place = axes.get_subplotspec()
        assert place is not None
        assert place.get_gridspec().get_geometry() == (rows, columns)
        assert (axes.get_xlim(), axes.get_ylim()) == (figure.axes[0].get_xlim(), figure.axes[0].get_ylim())


@pytest.mark.parametrize(("last", "scale"), [(1e-6, "log"), (0.01, "log"), (0.0101, "linear"), (-1.0, "linear")])
def test_a_metric_that_falls_by_two_magnitudes_has_a_logarithmic_axis(last: float, scale: str) -> None:
    figure = bands_picture("A sweep", "loss/train", {"sgd": [band("lr=0.1", [1.0, last])]})
    assert figure.axes[0].get_yscale() == scale


def test_an_exact_zero_leaves_the_axis_logarithmic_above_the_smallest_other_value() -> None:
    figure = bands_picture("A sweep", "loss/train", {"sgd": [band("lr=0.1", [1.0, 1e-6, 0.0])]})
    (axes,) = figure.axes
    assert axes.get_yscale() == "symlog"
    heights = axes.transData.transform([(0, 0), (0, 1e-6), (0, 1e-3), (0, 1)])[:, 1]
    assert heights[0] < heights[1]
    assert heights[2] - heights[1] == pytest.approx(heights[3] - heights[2], rel=1e-3)


def test_bands_beyond_those_that_are_named_are_grey_and_counted() -> None:
    bands = [band("best", [1.0, 0.1]), *(band(f"other {n}", [1.0, 0.5], REST) for n in range(4))]
    (axes,) = bands_picture("A sweep", "loss/train", {"sgd": bands}).axes
    assert [text.get_text() for text in axes.texts] == ["best", "4 more"]


def test_few_evaluations_are_marked_and_many_are_a_line() -> None:
    few, many = band("few", [1.0] * 5), band("many", [1.0] * 100)
    (axes,) = bands_picture("A sweep", "loss/train", {"sgd": [few, many]}).axes
    assert [line.get_marker() for line in axes.lines] == [".", ""]
