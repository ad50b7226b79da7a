import math

import numpy as np
from matplotlib.figure import Figure

from descent.render.shares import ShareLine, shares_picture


def picture(*lines: ShareLine) -> Figure:
    return shares_picture("A sweep", "step", "share", lines)


def test_each_line_rises_to_the_share_that_is_there_and_then_stays() -> None:
    (axes,) = picture(ShareLine("sgd", np.array([3.0, 1.0, math.inf, 3.0]), 10.0)).axes
    (line,) = axes.lines
    assert np.asarray(line.get_xdata()).tolist() == [0, 1, 3, 10]
    assert np.asarray(line.get_ydata()).tolist() == [0, 0.25, 0.75, 0.75]
    assert line.get_drawstyle() == "steps-post"
    assert axes.get_xscale() == "linear"


def test_a_long_way_is_logarithmic_and_starts_at_the_first_that_is_there() -> None:
    (axes,) = picture(
        ShareLine("sgd", np.array([2.0, math.inf]), 100.0), ShareLine("adam", np.array([50.0]), 100.0)
    ).axes
    assert axes.get_xscale() == "log"
    assert {float(np.asarray(line.get_xdata())[0]) for line in axes.lines} == {2.0}


def test_lines_of_runs_of_which_none_is_there_stay_at_the_bottom() -> None:
    (axes,) = picture(ShareLine("sgd", np.array([math.inf]), 10.0)).axes
    assert np.asarray(axes.lines[0].get_ydata()).tolist() == [0, 0]


def test_many_lines_differ_in_colour_or_in_style() -> None:
    (axes,) = picture(*(ShareLine(str(number), np.array([1.0]), 10.0) for number in range(12))).axes
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 12
