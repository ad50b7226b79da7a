"""Whether a published curve could be one more run of ours: one test for all of its points together."""

import numpy as np

from descent.articles.results import Array


def distances(curves: Array) -> Array:
    """The distance of each curve from the others.

    At each point it is the deviation from the mean of the other curves, in their standard deviations; the distance of
    the curve is the root mean square over its points.

    Args:
        curves: (curves, points).
    """
    root_mean_squares = []
    with np.errstate(divide="ignore", invalid="ignore"):  # points at which all other curves are the same
        for index, curve in enumerate(curves):
            other_curves = np.delete(curves, index, axis=0)
            deviations = (curve - other_curves.mean(axis=0)) / other_curves.std(axis=0, ddof=1)
            root_mean_squares.append(np.sqrt((deviations**2).mean()))
    return np.array(root_mean_squares)


def is_typical(curve: Array, runs: Array) -> bool:
    """Whether at least one of the runs is as far from the rest as a curve is.

    If the same program made all of them, each is as likely as any other to be the farthest: of 20 runs and a curve, the
    curve is with a probability of 1 in 21. So this is an exact test at that level, for any distribution of the curves.

    Args:
        curve: (points,).
        runs: (runs, points); nan if a run was not evaluated at a point.
    """
    curve_distance, *run_distances = distances(np.vstack([curve, runs]))
    return bool(curve_distance <= max(run_distances))  # false for nan


def power(right: Array, runs: Array) -> float:
    """The share of the right program's curves that are not typical of another program's runs.

    Args:
        right: curves of the right program, (curves, points), each compared with the runs.
        runs: curves of the other program, (runs, points).
    """
    return float(np.mean([not is_typical(curve, runs) for curve in right]))
