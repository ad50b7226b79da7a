"""Seed article 000: stochastic gradient descent on a noisy polynomial."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial
from scipy.stats import binomtest

from descent.data.control_points import read_control_points
from descent.data.noisy_polynomial import fit, read_points
from descent.figures.figure import Figure, animation, claim
from descent.figures.results import Array, Results

ARTICLE = "000"
DEGREE = 6
NOISE = 0.2
CONTROL_POINTS = (
    (-5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0),
    (5.0, 1.5, 2.0, 1.5, 0.0, -3.0, -1.0, 2.0, 3.0, 2.5, 5.0),
)
BEST, LOCAL, AWAY = "reached the best minimum", "stayed in a local minimum", "ran away"


@dataclass(frozen=True)
class Share:
    """How many of many runs, and the 95 % interval of their rate (Wilson)."""

    count: int
    of: int

    def __str__(self) -> str:
        low, high = binomtest(self.count, self.of).proportion_ci(method="wilson")
        return f"{self.count / self.of:.1%} ({low:.1%} to {high:.1%})"


def polynomial(results: Results) -> Polynomial:
    """The polynomial through the control points."""
    return fit(read_control_points(results.root / "data/source/control_points.csv", DEGREE), DEGREE)


def extrema(curve: Polynomial) -> tuple[Array, Array]:
    """The positions of a curve's minima and of its maxima, in order."""
    slope = curve.deriv()
    flat = np.sort([root.real for root in slope.roots() if abs(root.imag) < 1e-9])
    rises = slope.deriv()(flat) > 0
    return flat[rises], flat[~rises]


def ends(results: Results) -> dict[str, Share]:
    """How often the repeats of the experiment ended in which way: each within the basin of one of the minima."""
    curve = polynomial(results)
    minima, maxima = extrema(curve)
    best = int(np.argmin(curve(minima)))
    rows = results.repeated("noisy_polynomial")

    def end(row: dict[str, str]) -> str:
        if row["result"] == "diverged":
            return AWAY
        return BEST if np.searchsorted(maxima, float(row["x"])) == best else LOCAL

    counts = Counter(map(end, rows))
    return {name: Share(counts[name], len(rows)) for name in (BEST, LOCAL, AWAY)}


def figures(results: Results) -> list[Figure]:
    """Its figures."""
    control_points = read_control_points(results.root / "data/source/control_points.csv", DEGREE)
    x, y = read_points(results.root / "data/noisy_polynomial/points.csv")
    curve = polynomial(results)
    off = y - curve(x)
    minima, _ = extrema(curve)
    best = minima[np.argmin(curve(minima))]
    local = [minimum for minimum in minima if minimum != best]
    end = results.path("noisy_polynomial", ["x"])[-1, 0]
    shares = ends(results)
    return [
        claim(
            ARTICLE,
            "the control points",
            "11 points, x = -5 ... 5",
            f"{len(control_points[0])} points, x = {control_points[0][0]:g} ... {control_points[0][-1]:g}",
            holds=all(map(np.array_equal, control_points, CONTROL_POINTS)),
        ),
        claim(
            ARTICLE,
            "the data",
            "100 points, x from -10 to 10",
            f"{len(x)} points, x from {x[0]:g} to {x[-1]:g}",
            holds=np.allclose(x, np.linspace(-10, 10, 100), rtol=0, atol=1e-12),
        ),
        claim(
            ARTICLE,
            "the noise",
            "a random number from 0 to 0.2",
            f"{(off < 0).mean():.0%} of it negative, {(abs(off) > NOISE).mean():.0%} beyond 0.2",
            holds=bool((off >= 0).all() and (off <= NOISE).all()),
            cause="The text says one thing and the program does another: it draws from a normal distribution with "
            f"standard deviation 0.2 (ours measures {off.std():.2f}), and so do we.",
        ),
        claim(
            ARTICLE,
            "the minima",
            "local ones around x = -4 and 4, the best around 0",
            f"local ones at {local[0]:.2f} and {local[-1]:.2f}, the best at {best:.2f}",
            holds=len(minima) == 3 and bool((abs(minima - np.array([-4, 0, 4])) < 0.5).all()),
        ),
        claim(
            ARTICLE,
            "the descent that is shown",
            "from 3.5 at rate 0.3 to the best minimum, around 0",
            f"to {end:.2f}, with the seed that conf/experiment/noisy_polynomial.yaml sets",
            holds=abs(end - best) < 0.5,
            note="The article names no seed; a seed was looked for that does what it shows.",
        ),
        animation(
            ARTICLE,
            "each step's fitted curve in green and the position on it as a red dot, x from -7 to 7, y from -5 to 10",
            "noisy_polynomial",
            results.frames("noisy_polynomial"),
        ),
        claim(
            ARTICLE,
            "how surely it gets there",
            "it is probabilistic, it may not work",
            "; ".join(f"{share} {name}" for name, share in shares.items()) + f", of {shares[BEST].of:,} seeds",
            holds=0 < shares[BEST].count < shares[BEST].of,
        ),
    ]
