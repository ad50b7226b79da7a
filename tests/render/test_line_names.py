import numpy as np
import pytest
from matplotlib.figure import Figure

from descent.render.line_names import LineName, name_lines, names_at_ends, spread
from descent.render.style import REST


@pytest.mark.parametrize("heights", [[0.5], [0.1, 0.9], [0.5, 0.5, 0.5], [1, 1, 1, 0.99], [0, 0, 0], [0.3, 0.31, 0.9]])
def test_heights_are_spread_in_their_order_within_the_axes(heights: list[float]) -> None:
    spaced = spread(np.array(heights), 0.05)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(spaced[order]) >= 0.05 - 1e-12).all()
    assert 0 <= spaced.min() <= spaced.max() <= 1


def test_heights_that_are_far_enough_apart_stay() -> None:
    assert spread(np.array([0.2, 0.8, 0.5]), 0.05).tolist() == [0.2, 0.8, 0.5]


def test_lines_are_named_where_they_end_and_those_without_a_colour_are_counted() -> None:
    lines = [
        ("a", "red", np.array([3.0, 1.0, np.inf])),
        ("", "blue", np.array([1.0])),
        ("b", REST, np.array([2.0])),
        ("c", REST, np.array([4.0])),
        ("gone", "green", np.array([np.nan])),
    ]
    names = [(name.text, name.colour, name.y) for name in names_at_ends(lines)]
    assert names[:2] == [("a", "red", 1.0), ("gone", "green", np.inf)]
    assert (names[2][0], names[2][2]) == ("2 more", 3.0)


def test_a_name_is_beside_the_end_of_its_line_also_on_a_logarithmic_axis() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.set(yscale="log", ylim=(1e-4, 1.0))
    name_lines(axes, [LineName("low", "red", 1e-3), LineName("at the top", "blue", np.inf)])
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert heights == {"low": pytest.approx(0.25), "at the top": 1.0}
