"""A published figure beside ours, and the verdict on the two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Numbers = Sequence[float] | NDArray[Any]
Verdict = Literal["reproduced", "explained", "differs", "not compared"]


@dataclass(frozen=True)
class PublishedValue:
    """A row of reports/figures.csv.

    Args:
        article: the number of the source article.
        name: of the figure.
        published: as the article prints or states it.
        computed: the same from Descent.
        difference: between the two, if they are numbers.
        verdict: `reproduced` if ours is the same, `explained` if ours is right and the cause of the difference is
            proved, `not compared` if ours is of other data than the article's, else `differs`.
        cause: of the difference, or a note; a sentence.
    """

    article: str
    name: str
    published: str
    computed: str
    difference: str
    verdict: Verdict
    cause: str = ""


@dataclass(frozen=True)
class Check:
    """A comparison of our numbers with those of a right program.

    Args:
        computed: numbers that Descent computed.
        expected: the same by a closed form, or by a computation that shares no code with Descent's.
        tolerance: the largest difference that rounding may cause: one for all numbers, or one for each.
    """

    computed: Numbers
    expected: Numbers
    tolerance: float | Numbers

    @property
    def largest_error(self) -> float:
        """The largest difference from the expected numbers; nan if numbers are missing or not finite."""
        computed, expected = np.asarray(self.computed), np.asarray(self.expected)
        if computed.size == 0 or computed.shape != expected.shape or not np.isfinite(computed).all():
            return math.nan
        return float(np.abs(computed - expected).max())

    @property
    def holds(self) -> bool:
        """Whether ours is right within the tolerance."""
        if math.isnan(self.largest_error):
            return False
        return bool((np.abs(np.asarray(self.computed) - np.asarray(self.expected)) <= self.tolerance).all())


@dataclass(frozen=True)
class Cause:
    """The cause of a difference between a published figure and a right program.

    Args:
        text: a sentence.
        check: proves that ours is right; if it does not hold, the cause explains nothing.
    """

    text: str
    check: Check


def same_digits(published: str, computed: float, input_error: float = 0.0) -> bool:
    """Whether a number is the published one within its digits: half a unit of the last digit.

    Args:
        published: the digits.
        computed: the number.
        input_error: the error of the number that the rounding of the published inputs may cause.
    """
    if not math.isfinite(computed):
        return False
    exact = Decimal(published)
    exponent = exact.as_tuple().exponent
    assert isinstance(exponent, int)
    # A hundredth of a unit more, since binary fractions do not hold every half exactly.
    return abs(Decimal(float(computed)) - exact) <= Decimal("0.51").scaleb(exponent) + Decimal(input_error)


def judge(
    *, same: bool, cause: Cause | None = None, fault_confirmed: bool = True, note: str = ""
) -> tuple[Verdict, str]:
    """The verdict on a figure, and the text of its cause or note.

    Args:
        same: whether ours is the published one.
        cause: of the difference.
        fault_confirmed: whether a program with that fault gives the published figure.
        note: further information, which explains nothing.
    """
    if same or cause is None:
        return "reproduced" if same else "differs", cause.text if cause else note
    if fault_confirmed and cause.check.holds:
        return "explained", cause.text
    return "differs", f"Not proved: {cause.text}"


def numbers(
    article: str,
    name: str,
    published: Sequence[str],
    computed: Numbers,
    *,
    with_fault: Numbers | None = None,
    cause: Cause | None = None,
    note: str = "",
    input_error: float = 0.0,
) -> PublishedValue:
    """A figure of numbers, compared with the published digits.

    A cause explains a difference if ours is right and a program with the fault gives the published digits.

    Args:
        article: the number of the source article.
        name: of the figure.
        published: its numbers, with the digits that the article prints.
        computed: those of Descent.
        with_fault: those of a program with the article's fault.
        cause: the fault, and the check that ours is right without it.
        note: further information, which explains nothing.
        input_error: the error of the numbers that the rounding of the published inputs may cause.
    """

    def agree(values: Numbers) -> bool:
        return len(values) == len(published) and all(
            same_digits(digits, value, input_error) for digits, value in zip(published, values, strict=True)
        )

    is_confirmed = with_fault is not None and agree(with_fault)
    differences = [abs(value - float(digits)) for digits, value in zip(published, computed, strict=False)]
    return PublishedValue(
        article,
        name,
        ", ".join(published),
        ", ".join(f"{value:.9g}" for value in computed),
        f"{np.max(differences):.2g}" if len(computed) == len(published) else "",
        *judge(same=agree(computed), cause=cause, fault_confirmed=is_confirmed, note=note),
    )


def claim(
    article: str,
    name: str,
    published: str,
    computed: str,
    *,
    holds: bool,
    cause: Cause | None = None,
    note: str = "",
) -> PublishedValue:
    """A figure that is a statement: reproduced if it holds, explained if ours is right and a cause is given."""
    return PublishedValue(article, name, published, computed, "", *judge(same=holds, cause=cause, note=note))


def not_compared(article: str, name: str, published: str, images: str) -> PublishedValue:
    """A figure of MNIST whose experiment is trained on other images."""
    cause = f"Trained on {images}; the article's figure is of MNIST."
    return PublishedValue(article, name, published, "", "", "not compared", cause)


def animation_claim(article: str, published: str, name: str, steps: int) -> PublishedValue:
    """A figure that is an animation: reproduced if the experiment's run has steps to animate."""
    return claim(article, f"the animation of {name}", published, f"descent.gif, over {steps:,} steps", holds=steps > 1)


def mean_with_interval(samples: Sequence[float], confidence: float = 0.95) -> str:
    """The mean of samples with its confidence interval (Student's), as text."""
    values = np.asarray(samples)
    half_width = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.4f} ± {half_width:.4f}"
