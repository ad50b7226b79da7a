"""Whether a published curve could be one more run of ours: one test for all of its points together."""

import numpy as np

from descent.articles.results import Array


def distances(curves: Array) -> Array:
    """How far each of several curves is from the others.

    That is the root mean square, over the points of a curve, of how many standard deviations of the others it is from
    their mean.

    Args:
        curves: (curves, points).
    """
    apart = []
    with np.errstate(divide="ignore", invalid="ignore"):  # points at which all others are the same
        for index, curve in enumerate(curves):
            others = np.delete(curves, index, axis=0)
            apart.append(np.sqrt((((curve - others.mean(axis=0)) / others.std(axis=0, ddof=1)) ** 2).mean()))
    return np.array(apart)


def is_one_of(curve: Array, runs: Array) -> bool:
    """Whether a curve is not farther from the rest than every one of some runs is.

    If the same program made all of them, each is as likely as any other to be the farthest: of 20 runs and a curve, the
    curve is with a chance of 1 in 21. So this is an exact test at that level, whatever the distribution of the curves.

    Args:
        curve: (points,).
        runs: (runs, points); nan where a run was not evaluated.
    """
    own, *others = distances(np.vstack([curve, runs]))
    return bool(own <= max(others))  # never of nan


def power(right: Array, runs: Array) -> float:
    """How often a program's runs are found not to be like the curves of another program.

    Args:
        right: curves of the one, (curves, points), each held against the runs.
        runs: curves of the other, (runs, points).
    """
    return float(np.mean([not is_one_of(curve, runs) for curve in right]))
