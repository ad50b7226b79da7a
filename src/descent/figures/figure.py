"""A published figure beside ours, and what is to be said of the two."""

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
class Figure:
    """A row of reports/figures.csv.

    Args:
        article: the number of the seed article.
        name: what the figure is of.
        published: as the article prints or says it.
        ours: the same from a correct program.
        difference: between the two, where they are numbers.
        verdict: `reproduced` where ours is the same, `explained` where what makes the difference is proved, else
            `differs`.
        cause: of the difference, or what else there is to know; a sentence.
    """

    article: str
    name: str
    published: str
    ours: str
    difference: str
    verdict: Verdict
    cause: str = ""


def same_digits(published: str, ours: float, open_by: float = 0.0) -> bool:
    """Whether a number is the published one as far as its digits go: to half a unit of the last of them.

    Args:
        published: the digits.
        ours: the number.
        open_by: how far the digits of what the number comes from leave it open.
    """
    exact = Decimal(published)
    exponent = exact.as_tuple().exponent
    assert isinstance(exponent, int)
    # A hundredth of a unit more, for what binary fractions do to a half.
    return abs(Decimal(float(ours)) - exact) <= Decimal("0.51").scaleb(exponent) + Decimal(open_by)


def numbers(
    article: str,
    name: str,
    published: Sequence[str],
    ours: Numbers,
    with_fault: Numbers | None = None,
    cause: str = "",
    open_by: float = 0.0,
) -> Figure:
    """A figure of numbers, held against the digits that are published.

    Args:
        article: the number of the seed article.
        name: what the figure is of.
        published: its numbers, with the digits that the article prints.
        ours: those of a correct program.
        with_fault: those of one with the article's fault, which explain the published if they have its digits.
        cause: what the fault is, or what else there is to know.
        open_by: how far the published digits of what goes in leave the numbers open.
    """

    def agree(found: Numbers) -> bool:
        return all(same_digits(said, value, open_by) for said, value in zip(published, found, strict=True))

    verdict: Verdict = "differs"
    if agree(ours):
        verdict = "reproduced"
    elif with_fault is not None and cause and agree(with_fault):
        verdict = "explained"
    difference = max(abs(value - float(said)) for said, value in zip(published, ours, strict=True))
    return Figure(
        article,
        name,
        ", ".join(published),
        ", ".join(f"{value:.9g}" for value in ours),
        f"{difference:.2g}",
        verdict,
        cause,
    )


def claim(
    article: str, name: str, published: str, ours: str, *, holds: bool, cause: str = "", note: str = ""
) -> Figure:
    """A figure that is a statement: reproduced where it holds, explained where it does not and a cause is given.

    A note, of what else there is to know, explains nothing.
    """
    verdict: Verdict = "reproduced" if holds else "explained" if cause else "differs"
    return Figure(article, name, published, ours, "", verdict, cause or note)


def animation(article: str, published: str, name: str, frames: int) -> Figure:
    """A figure that is an animation: reproduced where that of the experiment's run moves."""
    return claim(article, f"the animation of {name}", published, f"descent.gif, {frames} frames", holds=frames > 1)


def drawn(
    article: str,
    name: str,
    published: str,
    samples: Sequence[float],
    of: int,
    cause: str = "",
    confidence: float = 0.95,
) -> Figure:
    """A figure of one random run, held against what repeats of it scatter over.

    It is reproduced where it lies in the interval in which one more run of ours would: Student's prediction interval,
    widened (Bonferroni) so that the confidence is that of all figures of the kind together.

    Args:
        article: the number of the seed article.
        name: what the figure is of.
        published: the number that the article prints.
        samples: the same of each of our runs.
        of: how many figures of the kind there are.
        cause: what else there is to know.
        confidence: that all of them lie in their intervals, if theirs and ours are the same program.
    """
    values = np.asarray(samples)
    mean, count = values.mean(), len(values)
    spread = values.std(ddof=1) * np.sqrt(1 + 1 / count)
    reach = stats.t.ppf(1 - (1 - confidence) / (2 * of), count - 1) * spread
    inside = abs(float(published) - mean) <= reach
    return Figure(
        article,
        name,
        published,
        f"{mean:.4f} ({mean - reach:.4f} to {mean + reach:.4f} for one run of {count} like it)",
        f"{mean - float(published):+.4f}",
        "reproduced" if inside else "differs",
        cause,
    )


def interval(samples: Sequence[float], confidence: float = 0.95) -> str:
    """The mean of samples with its interval (Student's)."""
    values = np.asarray(samples)
    reach = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.4f} ± {reach:.4f}"
