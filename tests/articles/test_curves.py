import numpy as np
import pytest

from descent.articles.curves import distances, is_typical, power


def test_a_distance_is_the_root_mean_square_of_deviations_from_the_others() -> None:
    curves = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 2.0]])
    (first, second, _) = distances(curves[:, :1])
    assert first == pytest.approx(2 / np.sqrt(2))  # the others: mean 2, standard deviation sqrt(2)
    assert second == pytest.approx(0.5 / np.sqrt(4.5))
    wider = np.array([[0.0, 5.0], [1.0, 4.0], [3.0, 8.0]])
    assert distances(wider)[0] == pytest.approx(np.sqrt((2**2 / 2 + 1**2 / 8) / 2))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_curve_of_the_same_program_is_refused_at_the_stated_rate(seed: int) -> None:
    generator = np.random.default_rng(seed)
    refused = 0
    for _ in range(2_000):
        # Neither normal nor independent from point to point.
        curves = np.cumsum(generator.exponential(1, (21, 6)), axis=1) ** 2
        refused += not is_typical(curves[0], curves[1:])
    assert refused / 2_000 == pytest.approx(1 / 21, abs=0.02)


def test_a_small_shift_of_a_whole_curve_is_noticed() -> None:
    curves = np.random.default_rng(0).normal(0, 1, (20, 200))
    assert is_typical(np.random.default_rng(1).normal(0, 1, 200), curves)
    assert not is_typical(np.random.default_rng(1).normal(1, 1, 200), curves)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_curves_with_a_non_finite_point_are_not_typical(value: float) -> None:
    curves = np.random.default_rng(0).normal(0, 1, (21, 5))
    middle = curves.mean(axis=0)
    assert is_typical(middle, curves)
    for row in (0, 20):
        broken = curves.copy()
        broken[row, 2] = value
        assert not is_typical(middle, broken)
    middle[2] = value
    assert not is_typical(middle, curves)


def test_a_curve_as_far_out_as_a_run_is_typical() -> None:
    assert is_typical(np.array([-1.0]), np.array([[0.0], [1.0]]))
    assert not is_typical(np.array([-1.01]), np.array([[0.0], [1.0]]))


def test_no_curve_is_typical_of_identical_runs() -> None:
    assert not is_typical(np.ones(3), np.ones((20, 3)))


def test_power_is_the_share_of_right_curves_that_are_refused() -> None:
    runs = np.random.default_rng(0).normal(0, 1, (20, 50))
    right = np.array([np.zeros(50), np.full(50, 9.0), np.full(50, -9.0), np.full(50, 9.0)])
    assert power(right, runs) == 0.75
