"""Statistics over runs from several seeds: a robust mean, its interval, and whether two groups of runs differ.

Agarwal, Schwarzer, Castro, Courville and Bellemare, Deep Reinforcement Learning at the Edge of the Statistical
Precipice, NeurIPS 2021: the interquartile mean varies less than the median, and is robust against outliers; the
probability of improvement compares two groups.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1_000
CONFIDENCE = 0.95
FEW = 10
"""With fewer values the bootstrap is too narrow: of normal values it covers 52 % with 2, 73 % with 3, 91 % with 5."""

IntervalKind = Literal["none", "range", "Student's", "bootstrap"]


def interquartile_mean(values: ArrayLike, axis: int = 0) -> NDArray[np.float64]:
    """The mean of the middle half along an axis: a quarter of the values, rounded down, is dropped on either side.

    Infinity, the value of a run that diverged, counts as the largest value.
    """
    values = np.sort(np.asarray(values, dtype=np.float64), axis=axis)
    count = values.shape[axis]
    middle = np.arange(count // 4, count - count // 4)
    mean: NDArray[np.float64] = values.take(middle, axis=axis).mean(axis=axis)
    return mean


def interval(values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % interval of the interquartile mean along the first axis, of the kind that `interval_kind` says.

    Returns:
        The low and the high ends, each of the shape of a value.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) >= FEW:
        return _bootstrap_interval(values)
    low, high = values.min(axis=0), values.max(axis=0)
    if len(values) == 1:
        return low, high
    from scipy.special import stdtrit  # SciPy takes a second to import, and most sweeps have one seed

    is_finite = np.isfinite(values).all(axis=0)
    finite = np.where(is_finite, values, 0.0)
    t = stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)
    margin = t * finite.std(axis=0, ddof=1) / math.sqrt(len(values))
    mean = finite.mean(axis=0)
    return np.where(is_finite, mean - margin, low), np.where(is_finite, mean + margin, high)


def interval_kind(values: ArrayLike) -> IntervalKind:
    """How `interval` computes the interval of values, (seeds,).

    `bootstrap`, by percentiles, of 10 values or more; with fewer `Student's`, which assumes that they are normal, or
    the `range` of all values if some are infinite; `none` of a single value.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 1:
        return "none"
    if len(values) >= FEW:
        return "bootstrap"
    return "Student's" if np.isfinite(values).all() else "range"


def _bootstrap_interval(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The percentile bootstrap's, whose resampling is seeded, so that the same values have the same interval."""
    resamples = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    means = interquartile_mean(values[resamples], axis=1)
    tail = (1 - CONFIDENCE) / 2
    # No interpolation between quantiles: the means may be infinite.
    low, high = np.quantile(means, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return low, high


def probability_of_improvement(better: ArrayLike, worse: ArrayLike) -> float:
    """The probability that a value of the first group is below one of the second; an equal one counts half."""
    first, second = np.asarray(better)[:, None], np.asarray(worse)[None, :]
    return float(np.mean((first < second) + 0.5 * (first == second)))


def p_value(first: ArrayLike, second: ArrayLike) -> float:
    """The probability that groups of equal distributions differ as much: Welch's t-test.

    With infinite values it is the Mann-Whitney test, which takes ranks alone; nan if a group has a single value.
    """
    groups = [np.asarray(values, dtype=np.float64) for values in (first, second)]
    if min(map(len, groups)) < 2:
        return float("nan")
    from scipy import stats

    if not all(np.isfinite(values).all() for values in groups):
        return float(stats.mannwhitneyu(*groups).pvalue)
    if all(np.ptp(values) == 0 for values in groups):  # what the t-test divides by
        return float(groups[0][0] == groups[1][0])
    # From their moments, since SciPy warns of values that are nearly equal, as those of one seed and another may be.
    first_moments, second_moments = ((values.mean(), values.std(ddof=1), len(values)) for values in groups)
    return float(stats.ttest_ind_from_stats(*first_moments, *second_moments, equal_var=False).pvalue)
