from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from numpy.typing import NDArray
from PIL import Image

from descent.render.histogram import histogram_picture

Array = NDArray[np.float64]
EDGES = np.linspace(-2, 2, 5)


def counts(figure: Figure) -> list[float]:
    (bars,) = [patch for patch in figure.axes[0].patches if isinstance(patch, StepPatch)]
    values, edges, _ = bars.get_data()
    np.testing.assert_array_equal(edges, EDGES)
    assert bars.get_fill()
    return np.asarray(values).tolist()  # type: ignore[no-any-return]


def test_every_bar_counts_the_runs_between_its_edges() -> None:
    figure = histogram_picture("Ends", "x", np.array([-2, -1.5, -1, 0.5, 0.6, 0.7, 2]), EDGES, {})
    assert counts(figure) == [2, 1, 3, 1]
    axes = figure.axes[0]
    assert (axes.get_title(), axes.get_ylabel(), axes.get_xlim()) == ("Ends", "runs", (-2, 2))


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([0.0, 1], "0 of 2 runs ended outside the range shown"),
        ([0.0, -2.1, 1e300], "2 of 3 runs ended outside the range shown"),
        ([0.0, np.nan, np.inf, -np.inf], "3 of 4 runs ended outside the range shown"),
        ([0.5] * 1500 + [9] * 1500, "1,500 of 3,000 runs ended outside the range shown"),
    ],
)
def test_runs_outside_the_range_are_counted_in_the_label(values: list[float], note: str) -> None:
    figure = histogram_picture("Ends", "x", np.array(values), EDGES, {}, ["100 steps each"])
    assert figure.axes[0].get_xlabel().splitlines() == ["x", "100 steps each", note]


def test_marks_are_drawn_at_their_values_with_labels_above_the_bars() -> None:
    marks = {"best minimum": 0.05, "other minimum": -1.2345, "start": 0.06}
    figure = histogram_picture("Ends", "x", np.zeros(50), EDGES, marks)
    axes = figure.axes[0]
    assert [np.array(line.get_xdata())[0] for line in axes.lines] == list(marks.values())
    assert [text.get_text() for text in axes.texts] == ["best minimum 0.05", "other minimum -1.23", "start 0.06"]
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    highest_bar = axes.transData.transform((0, 50))[1]
    assert all(box.ymin > highest_bar for box in boxes)
    assert all(above.ymin >= below.ymax for above, below in pairwise(boxes))
    assert all(axes.bbox.xmin < box.xmin and box.xmax < axes.bbox.xmax for box in boxes)


@pytest.mark.parametrize("values", [np.zeros(0), np.full(3, np.nan), np.linspace(-3, 3, 2000)])
def test_the_picture_can_be_read(tmp_path: Path, values: Array) -> None:
    histogram_picture("Ends", "x", values, EDGES, {"here": 1.9, "there": -1.9}).savefig(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (800, 500)
        assert len(image.convert("RGB").getcolors(2**24) or ()) > 10
