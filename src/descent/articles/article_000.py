"""Source article 000: stochastic gradient descent on a noisy polynomial."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial
from scipy.stats import binomtest, chi2_contingency

from descent.articles.by_hand import EPSILON
from descent.articles.configs import run_config
from descent.articles.published_value import Cause, Check, PublishedValue, animation, claim
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
"""Farther from 0 than this, a descent has diverged; ours, the article has none."""
RARELY = 1e-4
"""How improbable a difference of two programs' draws may be, before they count as different programs."""
CONTROL_POINTS = (
    (-5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0),
    (5.0, 1.5, 2.0, 1.5, 0.0, -3.0, -1.0, 2.0, 3.0, 2.5, 5.0),
)
BEST, LOCAL, AWAY = "reached the best minimum", "stayed in a local minimum", "diverged"


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


@np.errstate(over="ignore", invalid="ignore")  # of runs that diverge
def step_check(results: Results, parts: RunComponents) -> Check:
    """Where each step of the run leads, held against a fit and its slope in plain NumPy from where the step begins."""
    path = results.path("noisy_polynomial", ["x"])[:, 0]
    points = np.stack(read_points(results.root / "data/noisy_polynomial/points.csv"))
    expected, within = [], []
    for position, rows in zip(path, parts.sampler.chunk(0, STEPS).numpy(), strict=False):
        x, y = points[:, rows]
        coefficients = np.polyfit(x, y, DEGREE)
        expected.append(position - LR * np.polyval(np.polyder(coefficients), position))
        # Rounding moves the coefficients, of powers scaled to length 1, by a share that their condition bounds.
        powers = np.vander(x, DEGREE + 1)
        lengths = np.linalg.norm(powers, axis=0)
        moved = BATCH * EPSILON * np.linalg.cond(powers / lengths) * np.linalg.norm(coefficients * lengths)
        within.append(LR * moved * np.polyval(np.polyder(1 / lengths), abs(position)))
    return Check(path[1:], expected, within)


def draws(parts: RunComponents) -> tuple[int, float]:
    """How many distinct points a step draws at least, and how many of all points ten steps leave out, on average."""
    rows = parts.sampler.chunk(0, STEPS).numpy()
    left_out = [POINTS - len(np.unique(rows[first : first + 10])) for first in range(0, STEPS, 10)]
    return min(len(np.unique(row)) for row in rows), float(np.mean(left_out))


def ends_by_hand(results: Results, count: int = 2_000) -> list[int]:
    """How often descents in plain NumPy, with draws of their own, end in each of the ways."""
    draw = np.random.default_rng(0)
    curve = np.polyfit(*CONTROL_POINTS, DEGREE)
    x = np.linspace(-10, 10, POINTS)
    y = np.polyval(curve, x) + draw.normal(0, NOISE, (count, POINTS))
    powers = np.vander(x, DEGREE + 1) / (lengths := 10.0 ** np.arange(DEGREE, -1, -1))
    slopes = np.arange(DEGREE, 0, -1)
    position, away = np.full(count, START), np.zeros(count, dtype=bool)
    for _ in range(STEPS):
        rows = draw.random((count, POINTS)).argpartition(BATCH, axis=1)[:, :BATCH]
        q, r = np.linalg.qr(powers[rows])
        right = np.einsum("tpd,tp->td", q, np.take_along_axis(y, rows, axis=1))
        fitted = np.linalg.solve(r, right[:, :, None])[:, :, 0] / lengths
        slope = sum(fitted[:, k] * slopes[k] * position ** (slopes[k] - 1) for k in range(DEGREE))
        position = np.where(away, position, position - LR * slope)
        away |= abs(position) > BOUND
    minima, maxima = extrema(polynomial(results))
    best = np.searchsorted(maxima, position) == np.argmin(np.polyval(curve, minima))
    return [int((best & ~away).sum()), int((~best & ~away).sum()), int(away.sum())]


def published_values(results: Results) -> list[PublishedValue]:
    """Its published values, each beside ours."""
    return [*data(results), *descent(results), how_surely(results)]


def data(results: Results) -> list[PublishedValue]:
    """Those of the points and of the curve along which they lie."""
    control_points = read_control_points(results.root / "data/source/control_points.csv", DEGREE)
    x, y = read_points(results.root / "data/noisy_polynomial/points.csv")
    curve = polynomial(results)
    off = y - np.polyval(np.polyfit(*CONTROL_POINTS, DEGREE), x)
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
            f"{(off < 0).mean():.0%} of it negative, {(abs(off) > NOISE).mean():.0%} beyond 0.2",
            holds=bool((off >= 0).all() and (off <= NOISE).all()),
            cause=Cause(
                "The text says one thing and the program does another: it draws from a normal distribution with "
                f"standard deviation 0.2, and so do we (ours measures {off.std():.2f}, around {off.mean():.2f}).",
                # Of normal noise one sample in ten thousand has a mean or a deviation further off.
                Check([off.mean(), off.std()], [0, NOISE], [3.9 * NOISE / 10, 3.9 * NOISE / np.sqrt(200)]),
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


def descent(results: Results) -> list[PublishedValue]:
    """Those of the descent that the article shows."""
    config = run_config(results, "noisy_polynomial")
    parts = assemble(config)
    curve = polynomial(results)
    minima, _ = extrema(curve)
    best = minima[np.argmin(curve(minima))]
    path = results.path("noisy_polynomial", ["x"])[:, 0]
    check, (distinct, left_out), expected = step_check(results, parts), draws(parts), POINTS * 0.9**10
    return [
        claim(
            ARTICLE,
            "the program",
            "from 3.5, 100 steps; each fits a polynomial to 10 of the 100 points, drawn at random, and goes 0.3 times "
            "its slope down",
            f"from {path[0]:g}, {len(path) - 1} steps, each within {check.apart:.1g} of where NumPy's polyfit on its "
            f"points leads; each draws {distinct} different points at least, and ten steps leave out {left_out:.1f} on "
            f"average ({expected:.1f} are expected)",
            holds=check.holds
            and path[0] == START
            and distinct == parts.sampler.size == BATCH
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
        animation(
            ARTICLE,
            "each step's fitted curve in green and the position on it as a red dot, x from -7 to 7, y from -5 to 10",
            "noisy_polynomial",
            results.steps_taken("noisy_polynomial"),
        ),
    ]


def how_surely(results: Results) -> PublishedValue:
    """That of what becomes of many descents."""
    shares = ends(results)
    by_hand = ends_by_hand(results)
    table = np.array([[share.count for share in shares.values()], by_hand])
    are_alike = bool(chi2_contingency(table).pvalue > RARELY)
    return claim(
        ARTICLE,
        "how surely it gets there",
        "it is probabilistic, it may not work",
        "; ".join(f"{share} {name}" for name, share in shares.items()) + f", of {shares[BEST].of:,} seeds",
        holds=are_alike and 0 < shares[BEST].count < shares[BEST].of,
        note=f"Of {sum(by_hand):,} descents in plain NumPy, with other draws, "
        + ", ".join(f"{count / sum(by_hand):.1%} {name}" for count, name in zip(by_hand, shares, strict=True))
        + ".",
    )
