"""An axis of a picture in a web page: where on the page its values lie, and its ticks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import AsinhLocator, Locator, LogLocator, MaxNLocator

from descent.render.trail import Array, Range

TICKS = 6
"""About how many ticks an axis has."""


@dataclass(frozen=True)
class Scale:
    """How values spread along an axis: what is evenly spaced on it, and where its ticks are."""

    spread: Callable[[Array], Array]
    locator: Locator


@dataclass(frozen=True)
class Tick:
    """A marked value: where it lies on the page, and how it reads."""

    at: float
    label: str


LINEAR = Scale(lambda values: values, MaxNLocator(TICKS, steps=[1, 2, 5, 10]))


@dataclass(frozen=True)
class Axis:
    """An axis across the page.

    Args:
        values: the lowest and the highest value on it.
        ends: where these lie on the page, in its units.
        scale: how the values spread between them.
    """

    values: Range
    ends: Range
    scale: Scale = LINEAR

    def at(self, values: Array) -> Array:
        """Where values lie on the page; beyond its ends as well, and nan where they are not finite."""
        low, high = self.scale.spread(np.array(self.values, dtype=np.float64))
        start, end = self.ends
        with np.errstate(invalid="ignore", over="ignore"):
            page = start + (self.scale.spread(values) - low) / (high - low) * (end - start)
        return np.where(np.isfinite(values), page, np.nan)

    def ticks(self) -> list[Tick]:
        """The ticks from end to end."""
        low, high = self.values
        values = np.array([value for value in self.scale.locator.tick_values(low, high) if low <= value <= high])
        places = self.at(values).tolist()
        return [Tick(place, tick_label(value)) for place, value in zip(places, values.tolist(), strict=True)]


def tick_label(value: float) -> str:
    """A value in three figures, as short as it goes."""
    label = f"{float(f'{value:.3g}'):,g}" if abs(value) < 1e6 else f"{value:.3g}"
    return label.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-").replace("-", "−")


def linear_axis(values: Array, ends: Range) -> Axis:
    """A linear axis for all values that are finite."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Axis((0.0, 1.0), ends)
    low, high = float(finite.min()), float(finite.max())
    margin = abs(low) / 10 or 1.0
    return Axis((low, high) if low < high else (low - margin, high + margin), ends)


def loss_axis(losses: Array, ends: Range) -> Axis:
    """An axis for losses: logarithmic where they are positive and of several magnitudes, else linear.

    Losses of several magnitudes and of both signs spread as their inverse hyperbolic sine: linearly around zero, and
    as their logarithms away from it.
    """
    finite = np.unique(losses[np.isfinite(losses)])
    positive = finite[finite > 0]
    if positive.size and finite[0] >= 0:
        low, high = float(positive[0]), float(positive[-1])
        if high > 50 * low:
            return Axis((low, high), ends, _logarithmic(low, high))
    elif finite.size:
        unit = float(np.median(np.abs(finite)))
        if np.ptp(finite / 2) > 500 * unit > 0:
            scale = Scale(lambda values: np.arcsinh(values / unit), AsinhLocator(unit, numticks=TICKS))
            return Axis((float(finite[0]), float(finite[-1])), ends, scale)
    return linear_axis(losses, ends)


def _logarithmic(low: float, high: float) -> Scale:
    digits = (1.0,) if high > 300 * low else (1.0, 3.0)
    # A loss of zero lies at the lower end: there is no logarithm of it.
    return Scale(lambda values: np.log10(np.maximum(values, low)), LogLocator(subs=digits, numticks=TICKS))
