import math
from collections import Counter
from itertools import combinations_with_replacement

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from descent.comparisons.statistics import (
    interquartile_mean,
    interval,
    interval_kind,
    p_value,
    probability_of_improvement,
)


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
    low, high = interval([3.0])
    assert [float(low), float(high)] == [3.0, 3.0]
    assert interval_kind([3.0]) == "none"


@pytest.mark.parametrize("count", [5, 20])
def test_the_same_values_have_the_same_interval_which_holds_the_mean(count: int) -> None:
    values = np.random.default_rng(0).normal(size=count)
    low, high = interval(values)
    assert [float(low), float(high)] == [float(end) for end in interval(values)]
    assert low < interquartile_mean(values) < high


def test_few_values_have_students_interval() -> None:
    # Student, The probable error of a mean (1908): 2 degrees of freedom, 95 %: t = 4.303.
    low, high = interval([1.0, 2.0, 3.0])
    assert [float(low), float(high)] == pytest.approx([2 - 4.3027 / math.sqrt(3), 2 + 4.3027 / math.sqrt(3)], abs=1e-4)
    assert interval_kind([1.0, 2.0, 3.0]) == "Student's"


def test_many_values_have_the_bootstraps_interval_which_is_within_them() -> None:
    values = np.random.default_rng(0).normal(size=20)
    low, high = interval(values)
    assert values.min() < low < high < values.max()
    assert interval_kind(values) == "bootstrap"


@pytest.mark.parametrize("count", [5, 12])
def test_each_column_has_the_interval_that_it_has_alone(count: int) -> None:
    values = np.random.default_rng(1).normal(size=(count, 3))
    values[0, 1] = np.inf
    low, high = interval(values)
    for column, *edges in zip(values.T, low, high, strict=True):
        np.testing.assert_allclose(interval(column), edges, rtol=1e-12)


def test_of_few_values_some_of_which_are_infinite_the_interval_is_their_range() -> None:
    low, high = interval([1.0, 2.0, 3.0, np.inf])
    assert [float(low), float(high)] == [1.0, np.inf]
    assert interval_kind([1.0, 2.0, 3.0, np.inf]) == "range"


@pytest.mark.parametrize("count", [2, 3, 5, 9, 10, 20])
@pytest.mark.parametrize("draw", ["normal", "lognormal"])
def test_intervals_cover_the_interquartile_mean_at_their_level(count: int, draw: str) -> None:
    generator = np.random.default_rng(count)
    middle = stats.norm.ppf if draw == "normal" else stats.lognorm(1).ppf
    truth = np.mean(middle(np.linspace(0.25, 0.75, 100_001)))  # of the middle half of the distribution
    sample = generator.normal if draw == "normal" else generator.lognormal
    low, high = interval(sample(size=(count, 2_000)))
    covered = np.mean((low <= truth) & (truth <= high))
    # The bootstrap's shortfall with 10 to 20 values is known, and at most two points here.
    assert covered >= 0.95 - 0.025 - 2 * math.sqrt(0.05 * 0.95 / 2_000)


def test_the_probability_of_improvement_counts_all_pairs() -> None:
    assert probability_of_improvement([1.0, 2.0], [2.0, 3.0]) == 3.5 / 4
    assert probability_of_improvement([2.0, 3.0], [1.0, 2.0]) == 0.5 / 4


def test_p_values_are_of_the_test_that_fits_the_values() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 6))
    assert p_value(first, second) == stats.ttest_ind(first, second, equal_var=False).pvalue
    assert p_value([1.0, 2.0, 3.0], [4.0, 5.0, np.inf]) == pytest.approx(2 / 20)  # of 20 orders, two are as extreme
    assert math.isnan(p_value([1.0], [2.0, 3.0]))
    assert (p_value([1.0, 1.0], [2.0, 2.0]), p_value([1.0, 1.0], [1.0, 1.0])) == (0.0, 1.0)


def share_below(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of all possible resamples whose interquartile mean is below an edge, half of those at it included."""
    resamples = np.array(list(combinations_with_replacement(range(len(values)), len(values))))
    ways = [1 / math.prod(map(math.factorial, Counter(resample).values())) for resample in resamples.tolist()]
    means = interquartile_mean(values[resamples], axis=1)
    return np.array([np.average(0.5 * (means < edge) + 0.5 * (means <= edge), weights=ways) for edge in edges])


def test_the_edges_are_the_exact_2_5_percent_quantiles_within_the_error_of_a_thousand_resamples() -> None:
    values = np.random.default_rng(3).normal(size=10)
    # The order of the values is arbitrary, and changes the edges by the sampling error of the bootstrap.
    orders = np.stack([np.random.default_rng(order).permutation(values) for order in range(100)], axis=1)
    low, high = interval(orders)
    sampling_error = math.sqrt(0.025 * 0.975 / 1_000)
    for tail in (share_below(values, low), share_below(-values, -high)):
        assert tail.mean() == pytest.approx(0.025, abs=sampling_error)
        assert tail.std() == pytest.approx(sampling_error, rel=0.3)
