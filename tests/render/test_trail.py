import numpy as np
import pytest
from numpy.typing import NDArray

from descent.render.trail import MAX_DRAWN, drawn_indices, last_in_view, path_until, sample_path

VIEW = ((-1.0, 1.0), (-2.0, 2.0))


def path(*positions: tuple[float, float]) -> NDArray[np.float64]:
    return np.array(positions, dtype=np.float64)


@pytest.mark.parametrize(
    ("positions", "last"),
    [
        (path((0, 0), (1, 2), (-1, -2)), 2),
        (path((0, 0), (1.1, 0), (0, 1.9), (0, 2.1)), 2),
        (path((0, 0), (np.inf, 0), (np.nan, np.nan)), 0),
        (path((5, 5), (6, 6)), 0),
    ],
)
def test_the_last_position_in_view_is_the_one_after_which_none_is(positions: NDArray[np.float64], last: int) -> None:
    assert last_in_view(positions, *VIEW) == last


def test_a_short_path_is_drawn_up_to_the_first_position_after_it_left_for_good() -> None:
    assert drawn_indices(path((0, 0), (9, 0), (0, 1)), *VIEW).tolist() == [0, 1, 2]
    assert drawn_indices(path((0, 0), (9, 0), (0, 1), (9, 9), (99, 9)), *VIEW).tolist() == [0, 1, 2, 3]


def test_a_long_path_is_drawn_from_its_start_to_where_it_leaves() -> None:
    x = np.concatenate([np.linspace(-1, 1, 20_000), [50, 100]])
    steps = drawn_indices(np.stack([x, x], axis=1), *VIEW)
    assert (steps[0], *steps[-2:]) == (0, 19_999, 20_000)
    assert len(steps) <= MAX_DRAWN + 1


def test_distances_are_relative_to_the_view() -> None:
    """A path along one side of the view, then along the other, which is ten times as long."""
    first = np.stack([np.linspace(0, 1, 501), np.zeros(501)], axis=1)
    second = np.stack([np.ones(500), np.linspace(0, 10, 501)[1:]], axis=1)
    steps = sample_path(np.concatenate([first, second]), 101, (0, 1), (0, 10))
    np.testing.assert_allclose(steps, np.linspace(0, 1000, 101), atol=1)


def test_a_path_up_to_a_step_ends_there_whether_its_position_is_drawn_or_not() -> None:
    positions = np.arange(20.0).reshape(10, 2)
    for step in (4, 5):
        np.testing.assert_array_equal(
            path_until(step, positions, np.array([0, 2, 4, 9])), positions[sorted({0, 2, 4, step})]
        )
