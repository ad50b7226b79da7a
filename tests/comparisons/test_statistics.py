import math
from collections import Counter
from itertools import combinations_with_replacement

import numpy as np
import pytest
from numpy.typing import NDArray

from descent.comparisons.statistics import bootstrap_interval, interquartile_mean


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([5.0], 5.0),
        ([1.0, 2.0, 6.0], 3.0),  # none of three is dropped
        ([0.0, 1.0, 2.0, 100.0], 1.5),
        ([1.0, 2.0, 3.0, np.inf], 2.5),  # one diverged run of four is dropped
        ([1.0, 2.0, np.inf, np.inf], np.inf),
        ([-np.inf, 1.0, 2.0, 3.0], 1.5),
    ],
)
def test_the_interquartile_mean_is_the_mean_of_the_middle_half(values: list[float], mean: float) -> None:
    assert interquartile_mean(values) == mean
    assert interquartile_mean(values[::-1]) == mean


def test_the_interquartile_mean_is_taken_along_the_first_axis() -> None:
    values = np.arange(12.0).reshape(4, 3)
    assert interquartile_mean(values).tolist() == [4.5, 5.5, 6.5]


def test_the_interval_of_one_value_is_the_value() -> None:
    low, high = bootstrap_interval([3.0])
    assert [float(low), float(high)] == [3.0, 3.0]


def test_the_same_values_have_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=20)
    assert np.array_equal(bootstrap_interval(values), bootstrap_interval(values))


def test_the_interval_holds_the_mean_and_nothing_beyond_the_values() -> None:
    values = np.random.default_rng(0).normal(size=20)
    low, high = bootstrap_interval(values)
    assert values.min() < low < interquartile_mean(values) < high < values.max()


def test_each_column_has_the_interval_that_it_has_alone() -> None:
    values = np.random.default_rng(1).normal(size=(5, 3))
    low, high = bootstrap_interval(values)
    for column, *edges in zip(values.T, low, high, strict=True):
        assert np.array_equal(bootstrap_interval(column), edges)


def test_the_interval_of_values_with_a_diverged_run_reaches_to_infinity() -> None:
    low, high = bootstrap_interval([1.0, 2.0, 3.0, np.inf])
    assert 1 <= low < 3
    assert high == np.inf


def share_below(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of all possible resamples whose interquartile mean is below an edge, half of those at it included."""
    resamples = np.array(list(combinations_with_replacement(range(len(values)), len(values))))
    ways = [1 / math.prod(map(math.factorial, Counter(resample).values())) for resample in resamples.tolist()]
    means = interquartile_mean(values[resamples], axis=1)
    return np.array([np.average(0.5 * (means < edge) + 0.5 * (means <= edge), weights=ways) for edge in edges])


def test_the_edges_are_the_exact_2_5_percent_quantiles_within_the_error_of_a_thousand_resamples() -> None:
    values = np.random.default_rng(3).normal(size=9)
    # The order of the values is arbitrary, and changes the edges by the sampling error of the bootstrap.
    orders = np.stack([np.random.default_rng(order).permutation(values) for order in range(100)], axis=1)
    low, high = bootstrap_interval(orders)
    sampling_error = math.sqrt(0.025 * 0.975 / 1_000)
    for tail in (share_below(values, low), share_below(-values, -high)):
        assert tail.mean() == pytest.approx(0.025, abs=sampling_error)
        assert tail.std() == pytest.approx(sampling_error, rel=0.3)
