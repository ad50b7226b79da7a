import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from descent.render.timed_path import COLOURS, draw_step_bar, draw_timed_path, step_ticks


def test_a_path_goes_from_the_first_colour_to_the_last_and_its_first_steps_are_told_apart() -> None:
    figure = Figure()
    axes: Axes = figure.subplots()
    steps = np.arange(101)
    points = np.stack([steps, steps], axis=1).astype(float)
    _, segments, dots = draw_timed_path(axes, points, steps, 100)
    figure.draw_without_rendering()
    faces = np.asarray(dots.get_facecolor())  # type: ignore[attr-defined]
    np.testing.assert_allclose(faces[0], COLOURS(0.0), atol=0.01)
    np.testing.assert_allclose(faces[-1], COLOURS(1.0), atol=0.01)
    np.testing.assert_allclose(faces[25], COLOURS(0.5), atol=0.01)
    assert len(segments.get_segments()) == 100  # type: ignore[attr-defined]


@pytest.mark.parametrize("last", [0, 1, 2, 5, 10, 99, 200, 12_345, 10_000_000])
def test_the_bar_has_the_start_the_last_step_and_round_numbers_between(last: int) -> None:
    ticks = step_ticks(last)
    assert (ticks[0], ticks[-1]) == (0, last)
    assert list(ticks) == sorted(set(ticks))
    assert all(len(str(tick).rstrip("0")) <= 1 for tick in ticks[:-1])
    figure = Figure()
    draw_step_bar(figure.subplots(), last)
    figure.draw_without_rendering()


def test_a_path_that_went_nowhere_is_drawn() -> None:
    figure = Figure()
    draw_timed_path(figure.subplots(), np.zeros((1, 2)), np.array([0]), 0)
    figure.draw_without_rendering()
