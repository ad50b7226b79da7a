"""The loss of many minibatches as one smooth line."""

import numpy as np

from descent.render.trail import Array

SHARE = 0.02
"""Of all steps, the window of the running mean."""


def smoothed(values: Array) -> Array:
    """The running mean of a series, (steps,), over a window of a fiftieth of it, which is shorter near its ends.

    Values that are not finite have no part in it.
    """
    half = int(len(values) * SHARE / 2)
    is_finite = np.isfinite(values)
    sums, counts = (np.concatenate([[0.0], np.cumsum(part)]) for part in (np.where(is_finite, values, 0), is_finite))
    places = np.arange(len(values))
    reach = np.minimum(np.minimum(places, len(values) - 1 - places), half)  # as far on either side
    low, high = places - reach, places + reach + 1
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Array = (sums[high] - sums[low]) / (counts[high] - counts[low])
    return mean
