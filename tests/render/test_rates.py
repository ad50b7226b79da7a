from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from descent.render.rates import RateLine, rates_picture
from descent.render.style import REST

SGD = RateLine(
    label="sgd",
    x=np.array([1e-3, 1e-2, 1e-1]),
    y=np.array([1.0, 0.1, np.inf]),
    low=np.array([0.9, 0.05, 0.2]),
    high=np.array([1.2, np.inf, np.inf]),
    missing=[0, 1, 3],
    total=[3, 3, 3],
)


def picture(*lines: RateLine) -> Figure:
    return rates_picture("A sweep", "optimizer.lr", {"loss/train at the end": lines})


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_points_are_the_means_of_groups_with_their_intervals() -> None:
    figure = picture(SGD)
    assert figure.get_suptitle() == "A sweep"
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimizer.lr", "loss/train at the end")
    (bars,) = axes.containers
    line, _, (spans,) = bars
    np.testing.assert_allclose(line.get_xydata(), [[1e-3, 1.0], [1e-2, 0.1]])
    # An infinite interval is drawn up to the mean.
    ends = [segment[:, 1].tolist() for segment in spans.get_segments()]
    np.testing.assert_allclose(ends, [[0.9, 1.2], [0.05, 0.1]])


def test_diverged_runs_are_marked_and_counted_unless_all_of_a_group_diverged() -> None:
    figure = picture(SGD)
    (axes,) = figure.axes
    marks = [np.array(line.get_xdata()).tolist() for line in axes.lines if line.get_marker() == "X"]
    assert marks == [[1e-2], [1e-1], []]  # the last is the legend's
    assert [text.get_text() for text in axes.texts] == ["1 of 3", "sgd"]
    assert legend(figure) == ["diverged"]


def test_each_line_is_named_at_its_end_in_its_colour_and_without_diverged_runs_there_is_no_legend() -> None:
    tame = replace(SGD, y=np.array([1.0, 0.1, 0.2]), high=np.array([1.2, 0.2, 0.3]), missing=[0, 0, 0])
    figure = picture(tame, replace(tame, label="adam", colour="blue"), replace(tame, label="rest", colour=REST))
    names = [(text.get_text(), text.get_color()) for text in figure.axes[0].texts]
    assert names[:2] == [("sgd", SGD.colour), ("adam", "blue")]
    assert [text for text, _ in names[2:]] == ["1 more"]
    assert not figure.legends


def test_exact_zeros_leave_an_axis_logarithmic() -> None:
    values = np.array([1.0, 1e-9, 0.0])
    (axes,) = picture(replace(SGD, y=values, low=values, high=values, missing=[0, 0, 0])).axes
    assert axes.get_yscale() == "symlog"
    assert axes.yaxis.get_transform().transform(np.array([0.0]))[0] >= 0


def test_the_legend_has_an_entry_for_diverged_runs_of_any_panel() -> None:
    tame = replace(SGD, y=np.array([1.0, 0.1, 0.2]), high=np.array([1.2, 0.2, 0.3]), missing=[0, 0, 0])
    figure = rates_picture("A sweep", "optimizer.lr", {"loss/train": [tame], "accuracy/test": [tame, SGD]})
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss/train", "accuracy/test"]
    assert "diverged" in legend(figure)


@pytest.mark.parametrize(("least", "scale"), [(0.1, "log"), (0.1001, "linear")])
def test_axes_are_logarithmic_from_a_ratio_of_ten_on(least: float, scale: str) -> None:
    numbers = np.array([least, 0.5, 1.0])
    (axes,) = picture(replace(SGD, x=numbers, y=numbers, low=numbers, high=numbers, missing=[0, 0, 0])).axes
    assert (axes.get_xscale(), axes.get_yscale()) == (scale, scale)


def test_axes_are_logarithmic_if_values_have_different_magnitudes() -> None:
    (axes,) = picture(SGD).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    similar = replace(
        SGD, x=np.array([1.0, 2.0, 3.0]), y=np.full(3, 1.1), low=np.ones(3), high=np.full(3, 2.0), missing=[0, 0, 0]
    )
    (axes,) = picture(similar).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")


def test_a_sweep_of_diverged_runs_has_a_picture() -> None:
    diverged = replace(SGD, y=np.full(3, np.inf), low=np.full(3, np.inf), high=np.full(3, np.inf), missing=[3, 3, 3])
    figure = picture(diverged)
    figure.draw_without_rendering()
    assert "diverged" in legend(figure)


def test_marks_of_two_kinds_at_one_rate_do_not_overlap() -> None:
    adam = replace(SGD, label="adam")
    figure = rates_picture("a", "lr", {"loss/train": [SGD, adam]})
    marks = [np.asarray(line.get_xydata()) for line in figure.axes[0].lines if line.get_marker() == "X"]
    places = [tuple(mark[0]) for mark in marks if len(mark)]
    assert len(set(places)) == len(places) == 4
