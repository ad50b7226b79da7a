"""Source article 000: stochastic gradient descent on a noisy polynomial."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial
from scipy.stats import binomtest, chi2_contingency

from descent.articles.configs import run_config
from descent.articles.numpy_reference import FLOAT64_EPSILON
from descent.articles.published_value import Cause, Check, PublishedValue, animation_claim, claim
from descent.articles.results import Array, Results
from descent.core.build import assemble
from descent.core.data.control_points import read_control_points
from descent.core.data.noisy_polynomial import fit, read_points
from descent.core.training.training_run import RunComponents

ARTICLE = "000"
DEGREE = 6
NOISE = 0.2
POINTS, BATCH = 100, 10
START, LR, STEPS = 3.5, 0.3, 100
BOUND = 100.0
"""Our limit, the article has none: a descent that is farther from 0 has diverged."""
SIGNIFICANCE = 1e-4
"""Two programs count as different if the difference of their draws is less probable than this."""
CONTROL_POINTS = (
    (-5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0),
    (5.0, 1.5, 2.0, 1.5, 0.0, -3.0, -1.0, 2.0, 3.0, 2.5, 5.0),
)
BEST, LOCAL, DIVERGED = "reached the best minimum", "stayed in a local minimum", "diverged"


@dataclass(frozen=True)
class Share:
    """A share of runs; as text with its 95 % interval (Wilson)."""

    count: int
    total: int

    def __str__(self) -> str:
        low, high = binomtest(self.count, self.total).proportion_ci(method="wilson")
        return f"{self.count / self.total:.1%} ({low:.1%} to {high:.1%})"


def polynomial(results: Results) -> Polynomial:
    """The polynomial through the control points."""
    return fit(read_control_points(results.root / "data/source/control_points.csv", DEGREE), DEGREE)


def extrema(curve: Polynomial) -> tuple[Array, Array]:
    """The positions of a curve's minima and of its maxima, sorted."""
    slope = curve.deriv()
    stationary = np.sort([root.real for root in slope.roots() if abs(root.imag) < 1e-9])
    is_minimum = slope.deriv()(stationary) > 0
    return stationary[is_minimum], stationary[~is_minimum]


def end_shares(results: Results) -> dict[str, Share]:
    """The share of each outcome among the experiment's seeds; a descent that ends in a basin counts for its minimum."""
    curve = polynomial(results)
    minima, maxima = extrema(curve)
    best = int(np.argmin(curve(minima)))
    rows = results.seed_rows("noisy_polynomial")

    def end(row: dict[str, str]) -> str:
        if row["result"] == "diverged":
            return DIVERGED
        return BEST if np.searchsorted(maxima, float(row["x"])) == best else LOCAL

    counts = Counter(map(end, rows))
    return {name: Share(counts[name], len(rows)) for name in (BEST, LOCAL, DIVERGED)}


@np.errstate(over="ignore", invalid="ignore")  # of runs that diverge
def step_check(results: Results, components: RunComponents) -> Check:
    """Compare the position after each step of the run with a step in plain NumPy from the position before it."""
    path = results.path("noisy_polynomial", ["x"])[:, 0]
    points = np.stack(read_points(results.root / "data/noisy_polynomial/points.csv"))
    expected, tolerances = [], []
    for position, rows in zip(path, components.sampler.chunk(0, STEPS).numpy(), strict=False):
        x, y = points[:, rows]
        coefficients = np.polyfit(x, y, DEGREE)
        expected.append(position - LR * np.polyval(np.polyder(coefficients), position))
        # The relative rounding error of the coefficients, of powers scaled to length 1, is bounded by their condition.
        powers = np.vander(x, DEGREE + 1)
        lengths = np.linalg.norm(powers, axis=0)
        error = BATCH * FLOAT64_EPSILON * np.linalg.cond(powers / lengths) * np.linalg.norm(coefficients * lengths)
        tolerances.append(LR * error * np.polyval(np.polyder(1 / lengths), abs(position)))
    return Check(path[1:], expected, tolerances)


def draw_statistics(components: RunComponents) -> tuple[int, float]:
    """The least number of distinct points in a minibatch, and the mean number of points that ten steps leave out."""
    rows = components.sampler.chunk(0, STEPS).numpy()
    left_out = [POINTS - len(np.unique(rows[first : first + 10])) for first in range(0, STEPS, 10)]
    return min(len(np.unique(row)) for row in rows), float(np.mean(left_out))


def ends_in_numpy(results: Results, count: int = 2_000) -> list[int]:
    """The number of descents in plain NumPy, with their own random numbers, that have each outcome."""
    draw = np.random.default_rng(0)
    curve = np.polyfit(*CONTROL_POINTS, DEGREE)
    x = np.linspace(-10, 10, POINTS)
    y = np.polyval(curve, x) + draw.normal(0, NOISE, (count, POINTS))
    powers = np.vander(x, DEGREE + 1) / (lengths := 10.0 ** np.arange(DEGREE, -1, -1))
    slopes = np.arange(DEGREE, 0, -1)
    position, diverged = np.full(count, START), np.zeros(count, dtype=bool)
    for _ in range(STEPS):
        rows = draw.random((count, POINTS)).argpartition(BATCH, axis=1)[:, :BATCH]
        q, r = np.linalg.qr(powers[rows])
        right = np.einsum("tpd,tp->td", q, np.take_along_axis(y, rows, axis=1))
        fitted = np.linalg.solve(r, right[:, :, None])[:, :, 0] / lengths
        slope = sum(fitted[:, k] * slopes[k] * position ** (slopes[k] - 1) for k in range(DEGREE))
        position = np.where(diverged, position, position - LR * slope)
        diverged |= abs(position) > BOUND
    minima, maxima = extrema(polynomial(results))
    best = np.searchsorted(maxima, position) == np.argmin(np.polyval(curve, minima))
    return [int((best & ~diverged).sum()), int((~best & ~diverged).sum()), int(diverged.sum())]


def published_values(results: Results) -> list[PublishedValue]:
    """The article's published values."""
    return [*data_values(results), *descent_values(results), seeds_value(results)]


def data_values(results: Results) -> list[PublishedValue]:
    """The values of the points, and of the curve that they are drawn around."""
    control_points = read_control_points(results.root / "data/source/control_points.csv", DEGREE)
    x, y = read_points(results.root / "data/noisy_polynomial/points.csv")
    curve = polynomial(results)
    noise = y - np.polyval(np.polyfit(*CONTROL_POINTS, DEGREE), x)
    minima, _ = extrema(curve)
    best = minima[np.argmin(curve(minima))]
    local = [minimum for minimum in minima if minimum != best]
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
            holds=len(x) == POINTS and np.allclose(x, np.linspace(-10, 10, POINTS), rtol=0, atol=1e-12),
        ),
        claim(
            ARTICLE,
            "the noise",
            "a random number from 0 to 0.2",
            f"{(noise < 0).mean():.0%} of it negative, {(abs(noise) > NOISE).mean():.0%} beyond 0.2",
            holds=bool((noise >= 0).all() and (noise <= NOISE).all()),
            cause=Cause(
                "The text says one thing and the program does another: it draws from a normal distribution with "
                f"standard deviation 0.2, and so do we (ours measures {noise.std():.2f}, around {noise.mean():.2f}).",
                # One sample of normal noise in ten thousand has a mean or a deviation outside these bounds.
                Check([noise.mean(), noise.std()], [0, NOISE], [3.9 * NOISE / 10, 3.9 * NOISE / np.sqrt(200)]),
            ),
        ),
        claim(
            ARTICLE,
            "the minima",
            "local ones around x = -4 and 4, the best around 0",
            f"local ones at {local[0]:.2f} and {local[-1]:.2f}, the best at {best:.2f}",
            holds=len(minima) == 3 and bool((abs(minima - np.array([-4, 0, 4])) < 0.5).all()),
        ),
    ]


def descent_values(results: Results) -> list[PublishedValue]:
    """The values of the descent that the article shows."""
    config = run_config(results, "noisy_polynomial")
    components = assemble(config)
    curve = polynomial(results)
    minima, _ = extrema(curve)
    best = minima[np.argmin(curve(minima))]
    path = results.path("noisy_polynomial", ["x"])[:, 0]
    check, (distinct, left_out), expected = (
        step_check(results, components),
        draw_statistics(components),
        POINTS * 0.9**10,
    )
    return [
        claim(
            ARTICLE,
            "the program",
            "from 3.5, 100 steps; each fits a polynomial to 10 of the 100 points, drawn at random, and goes 0.3 times "
            "its slope down",
            f"from {path[0]:g}, {len(path) - 1} steps, each within {check.largest_error:.1g} of where NumPy's polyfit "
            f"on its points leads; each draws {distinct} different points at least, and ten steps leave out "
            f"{left_out:.1f} on average ({expected:.1f} are expected)",
            holds=check.holds
            and path[0] == START
            and distinct == components.sampler.size == BATCH
            and abs(left_out - expected) < 5,
        ),
        claim(
            ARTICLE,
            "the descent that is shown",
            "from 3.5 at rate 0.3 to the best minimum, around 0",
            f"to {path[-1]:.2f}, with seed {config.seed}",
            holds=abs(path[-1] - best) < 0.5,
            note="The article names no seed; this one was looked for, since it does what the article shows.",
        ),
        animation_claim(
            ARTICLE,
            "each step's fitted curve in green and the position on it as a red dot, x from -7 to 7, y from -5 to 10",
            "noisy_polynomial",
            results.steps_taken("noisy_polynomial"),
        ),
    ]


def seeds_value(results: Results) -> PublishedValue:
    """The outcomes of descents from many seeds."""
    shares = end_shares(results)
    numpy_ends = ends_in_numpy(results)
    table = np.array([[share.count for share in shares.values()], numpy_ends])
    are_alike = bool(chi2_contingency(table).pvalue > SIGNIFICANCE)
    return claim(
        ARTICLE,
        "how surely it gets there",
        "it is probabilistic, it may not work",
        "; ".join(f"{share} {name}" for name, share in shares.items()) + f", of {shares[BEST].total:,} seeds",
        holds=are_alike and 0 < shares[BEST].count < shares[BEST].total,
        note=f"Of {sum(numpy_ends):,} descents in plain NumPy, with other draws, "
        + ", ".join(f"{count / sum(numpy_ends):.1%} {name}" for count, name in zip(numpy_ends, shares, strict=True))
        + ".",
    )
