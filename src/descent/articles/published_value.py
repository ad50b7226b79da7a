"""A published figure beside ours, and what is to be said of the two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Numbers = Sequence[float] | NDArray[Any]
Verdict = Literal["reproduced", "explained", "differs"]


@dataclass(frozen=True)
class PublishedValue:
    """A row of reports/figures.csv.

    Args:
        article: the number of the source article.
        name: what the figure is of.
        published: as the article prints or says it.
        ours: the same from Descent's program.
        difference: between the two, where they are numbers.
        verdict: `reproduced` where ours is the same, `explained` where ours is right and what makes the difference is
            proved, else `differs`.
        cause: of the difference, or what else there is to know; a sentence.
    """

    article: str
    name: str
    published: str
    ours: str
    difference: str
    verdict: Verdict
    cause: str = ""


@dataclass(frozen=True)
class Check:
    """Ours held against what a right program gives.

    Args:
        ours: numbers that Descent computed.
        expected: the same by a closed form, or by a computation that shares no code with Descent's.
        within: how far rounding may put the two apart: one number for all, or one for each.
    """

    ours: Numbers
    expected: Numbers
    within: float | Numbers

    @property
    def apart(self) -> float:
        """How far ours is from what is expected at most; nan for numbers that are missing or not finite."""
        ours, expected = np.asarray(self.ours), np.asarray(self.expected)
        if ours.size == 0 or ours.shape != expected.shape or not np.isfinite(ours).all():
            return math.nan
        return float(np.abs(ours - expected).max())

    @property
    def holds(self) -> bool:
        """Whether ours is right."""
        if math.isnan(self.apart):
            return False
        return bool((np.abs(np.asarray(self.ours) - np.asarray(self.expected)) <= self.within).all())


@dataclass(frozen=True)
class Cause:
    """Why an article publishes something else than a right program gives.

    Args:
        text: a sentence.
        check: that ours is right; while it is not, no cause explains the difference.
    """

    text: str
    check: Check


def same_digits(published: str, ours: float, open_by: float = 0.0) -> bool:
    """Whether a number is the published one as far as its digits go: to half a unit of the last of them.

    Args:
        published: the digits.
        ours: the number.
        open_by: how far the digits of what the number comes from leave it open.
    """
    if not math.isfinite(ours):
        return False
    exact = Decimal(published)
    exponent = exact.as_tuple().exponent
    assert isinstance(exponent, int)
    # A hundredth of a unit more, for what binary fractions do to a half.
    return abs(Decimal(float(ours)) - exact) <= Decimal("0.51").scaleb(exponent) + Decimal(open_by)


def judge(*, same: bool, cause: Cause | None = None, is_shown: bool = True, note: str = "") -> tuple[Verdict, str]:
    """The verdict on a figure, and what to say with it.

    Args:
        same: whether ours is the published one.
        cause: what makes the difference.
        is_shown: whether a program with that fault gives what is published.
        note: what else there is to know; it explains nothing.
    """
    if same or cause is None:
        return "reproduced" if same else "differs", cause.text if cause else note
    if is_shown and cause.check.holds:
        return "explained", cause.text
    return "differs", f"Not proved: {cause.text}"


def numbers(
    article: str,
    name: str,
    published: Sequence[str],
    ours: Numbers,
    *,
    with_fault: Numbers | None = None,
    cause: Cause | None = None,
    note: str = "",
    open_by: float = 0.0,
) -> PublishedValue:
    """A figure of numbers, held against the digits that are published.

    Where they differ, a cause explains it if ours is right and a program with the fault gives the published digits.

    Args:
        article: the number of the source article.
        name: what the figure is of.
        published: its numbers, with the digits that the article prints.
        ours: those of Descent's program.
        with_fault: those of a program with the article's fault.
        cause: the fault, and the check that ours is right without it.
        note: what else there is to know; it explains nothing.
        open_by: how far the published digits of what goes in leave the numbers open.
    """

    def agree(values: Numbers) -> bool:
        return len(values) == len(published) and all(
            same_digits(digits, value, open_by) for digits, value in zip(published, values, strict=True)
        )

    differences = [abs(value - float(digits)) for digits, value in zip(published, ours, strict=False)]
    return PublishedValue(
        article,
        name,
        ", ".join(published),
        ", ".join(f"{value:.9g}" for value in ours),
        f"{np.max(differences):.2g}" if len(ours) == len(published) else "",
        *judge(same=agree(ours), cause=cause, is_shown=with_fault is not None and agree(with_fault), note=note),
    )


def claim(
    article: str,
    name: str,
    published: str,
    ours: str,
    *,
    holds: bool,
    cause: Cause | None = None,
    note: str = "",
) -> PublishedValue:
    """A figure that is a statement: reproduced where it holds, explained where ours is right and a cause is given.

    A note, of what else there is to know, explains nothing.
    """
    return PublishedValue(article, name, published, ours, "", *judge(same=holds, cause=cause, note=note))


def animation(article: str, published: str, name: str, steps: int) -> PublishedValue:
    """A figure that is an animation: reproduced where that of the experiment's run moves."""
    return claim(article, f"the animation of {name}", published, f"descent.gif, over {steps:,} steps", holds=steps > 1)


def interval(samples: Sequence[float], confidence: float = 0.95) -> str:
    """The mean of samples with its interval (Student's)."""
    values = np.asarray(samples)
    reach = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.4f} ± {reach:.4f}"
