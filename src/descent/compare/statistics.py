"""What a group of runs say of all: the interquartile mean and its bootstrap interval.

Agarwal, Schwarzer, Castro, Courville and Bellemare, Deep Reinforcement Learning at the Edge of the Statistical
Precipice, NeurIPS 2021: the mean of the middle half is steadier than the median and does not follow a single outlier.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

RESAMPLES = 1_000
CONFIDENCE = 0.95


def interquartile_mean(values: ArrayLike, axis: int = 0) -> NDArray[np.float64]:
    """The mean of the middle half along an axis: a quarter of the values, rounded down, is left out on either side.

    A value of infinity, as a run that diverged has, stands above all others.
    """
    mean: NDArray[np.float64] = stats.trim_mean(values, 0.25, axis=axis)
    return mean


def interval(values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % interval of the interquartile mean along the first axis, by the percentile bootstrap.

    Of one value it is the value itself. The same values have the same interval.
    """
    values = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    means = interquartile_mean(values[drawn], axis=1)
    tail = (1 - CONFIDENCE) / 2
    # Quantiles that are among the means: between infinite ones there is nothing to interpolate.
    low, high = np.quantile(means, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return low, high
