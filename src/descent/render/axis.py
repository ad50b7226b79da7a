"""Axes of pictures in a web page: the scale from values to coordinates on the page, and the ticks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import AsinhLocator, Locator, LogLocator, MaxNLocator

from descent.render.trail import Array, Range

TICKS = 6
"""About the number of ticks of an axis."""


@dataclass(frozen=True)
class Scale:
    """The scale of an axis: a transform after which values are evenly spaced, and the locator of its ticks."""

    transform: Callable[[Array], Array]
    locator: Locator


@dataclass(frozen=True)
class Tick:
    """A tick: its coordinate on the page, and its label."""

    coordinate: float
    label: str


LINEAR = Scale(lambda values: values, MaxNLocator(TICKS, steps=[1, 2, 5, 10]))


@dataclass(frozen=True)
class Axis:
    """An axis on the page.

    Args:
        values: the lowest and the highest value.
        ends: their coordinates on the page.
        scale: the scale between them.
    """

    values: Range
    ends: Range
    scale: Scale = LINEAR

    def to_page(self, values: Array) -> Array:
        """The coordinates of values on the page, also beyond the ends; nan for values that are not finite."""
        low, high = self.scale.transform(np.array(self.values, dtype=np.float64))
        start, end = self.ends
        with np.errstate(invalid="ignore", over="ignore"):
            page = start + (self.scale.transform(values) - low) / (high - low) * (end - start)
        return np.where(np.isfinite(values), page, np.nan)

    def ticks(self) -> list[Tick]:
        """The ticks between the ends."""
        low, high = self.values
        values = np.array([value for value in self.scale.locator.tick_values(low, high) if low <= value <= high])
        coordinates = self.to_page(values).tolist()
        return [Tick(at, tick_label(value)) for at, value in zip(coordinates, values.tolist(), strict=True)]


def tick_label(value: float) -> str:
    """A value in three significant digits, as short as possible."""
    label = f"{float(f'{value:.3g}'):,g}" if abs(value) < 1e6 else f"{value:.3g}"
    return label.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-").replace("-", "−")


def linear_axis(values: Array, ends: Range) -> Axis:
    """A linear axis over all finite values."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Axis((0.0, 1.0), ends)
    low, high = float(finite.min()), float(finite.max())
    margin = abs(low) / 10 or 1.0
    return Axis((low, high) if low < high else (low - margin, high + margin), ends)


def loss_axis(losses: Array, ends: Range) -> Axis:
    """An axis for losses: logarithmic if they are positive and of several magnitudes, else linear.

    For losses of several magnitudes and of both signs the scale is the inverse hyperbolic sine: linear around zero, and
    logarithmic away from it.
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
    # A loss of zero has no logarithm, and is drawn at the lower end.
    return Scale(lambda values: np.log10(np.maximum(values, low)), LogLocator(subs=digits, numticks=TICKS))
