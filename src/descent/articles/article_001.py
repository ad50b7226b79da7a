"""Source article 001: the gradient method, and learning rates that are too high and too low."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent.articles.configs import run_config
from descent.articles.faults import AnyArray, descend
from descent.articles.numpy_reference import bowl_path
from descent.articles.published_value import Cause, Check, PublishedValue, claim, numbers
from descent.articles.results import Results

ARTICLE = "001"
START = (3, 2)
STEPS = 100
INTEGER_START = (
    "The article starts from an array of whole numbers, which its gradient inherits and which cut every position that "
    "is written to them: the first gradient is (25000, 15000) where it should be (6, 4)"
)
RATES = {"bowl_001": 0.1, "bowl_001_too_large": 1, "bowl_001_too_small": 0.000001}
"""The learning rate of each experiment, as an integer if the article has an integer."""


def bowl(position: AnyArray) -> Any:
    """x² + y², in the dtype of the position: integers overflow, but the differences are right."""
    return position[0] ** 2 + position[1] ** 2


def integer_descent(lr: float) -> AnyArray:
    """The end of the article's program, which starts from integers."""
    return descend(bowl, np.array(START), lr, STEPS)


def published_values(results: Results) -> list[PublishedValue]:
    """The article's published values."""
    paths = {name: results.path(name) for name in RATES}
    checks = {
        name: Check(paths[name], *bowl_path(START, lr, STEPS, run_config(results, name).divergence_threshold))
        for name, lr in RATES.items()
    }

    def end(name: str, rate: str, published: Sequence[str], cause: str) -> PublishedValue:
        return numbers(
            ARTICLE,
            f"from (3, 2) at rate {rate}",
            published,
            paths[name][-1],
            with_fault=integer_descent(RATES[name]),
            cause=Cause(f"{INTEGER_START}{cause} Ours is on (3, 2) (1 - 2 lr)^step all the way.", checks[name]),
        )

    too_large, too_small = "bowl_001_too_large", "bowl_001_too_small"
    opposite = np.abs(paths[too_large][1:] + paths[too_large][:-1]).max(initial=0)
    remaining = np.linalg.norm(paths[too_small][-1]) / np.linalg.norm(START)
    diverges = np.abs(integer_descent(RATES[too_large])).max() > 1e12
    return [
        end(
            "bowl_001",
            "0.1",
            ["-6.35809854e-07", "-3.81434987e-07"],
            ". The step that follows makes the position a float, and from there all is right.",
        ),
        end(
            too_large,
            "1",
            ["-2499150084997", "-1499450054998"],
            ". The rate is a whole number as well, so that the position never becomes a float, and every gradient is "
            "wrong.",
        ),
        claim(
            ARTICLE,
            "what a rate of 1 does",
            "the learning rate is too high, the values diverge",
            f"every step leads to the opposite point (to within {opposite:.1g}); after 100 the descent is where it "
            "began",
            holds=checks[too_large].holds and results.result(too_large) == "diverged",
            cause=Cause(
                "A step on x² multiplies x by 1 - 2 lr. That converges for rates between 0 and 1 (at once for 0.5) "
                "and diverges above 1; at exactly 1 it multiplies by -1, and nothing grows. The article's large "
                "numbers come from its whole numbers.",
                checks[too_large],
            )
            if diverges
            else None,
        ),
        end(
            too_small,
            "0.000001",
            ["2.97441101", "1.98460701"],
            "; most of the way that is gone is this one step.",
        ),
        claim(
            ARTICLE,
            "what a rate of 0.000001 does",
            "the learning rate is too low",
            f"after 100 steps {remaining:.2%} of the way remains",
            holds=checks[too_small].holds and bool(remaining > 0.9),
        ),
    ]
