"""Statistics over runs from several seeds: the interquartile mean and its bootstrap interval.

Agarwal, Schwarzer, Castro, Courville and Bellemare, Deep Reinforcement Learning at the Edge of the Statistical
Precipice, NeurIPS 2021: the interquartile mean varies less than the median, and is robust against outliers.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

RESAMPLES = 1_000
CONFIDENCE = 0.95


def interquartile_mean(values: ArrayLike, axis: int = 0) -> NDArray[np.float64]:
    """The mean of the middle half along an axis: a quarter of the values, rounded down, is dropped on either side.

    Infinity, the value of a run that diverged, counts as the largest value.
    """
    mean: NDArray[np.float64] = stats.trim_mean(values, 0.25, axis=axis)
    return mean


def bootstrap_interval(values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % interval of the interquartile mean along the first axis, by the percentile bootstrap.

    The resampling is seeded, so that the same values have the same interval.
    """
    values = np.asarray(values, dtype=np.float64)
    resamples = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    means = interquartile_mean(values[resamples], axis=1)
    tail = (1 - CONFIDENCE) / 2
    # No interpolation between quantiles: the means may be infinite.
    low, high = np.quantile(means, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return low, high
