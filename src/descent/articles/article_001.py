"""Source article 001: the gradient method, and learning rates that are too high and too low."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent.articles.by_hand import on_bowl
from descent.articles.configs import run_config
from descent.articles.faults import Array, descend
from descent.articles.published_value import Cause, Check, PublishedValue, claim, numbers
from descent.articles.results import Results

ARTICLE = "001"
START = (3, 2)
STEPS = 100
WHOLE = (
    "The article starts from an array of whole numbers, which its gradient inherits and which cut every position that "
    "is written to them: the first gradient is (25000, 15000) where it should be (6, 4)"
)
RATES = {"bowl_001": 0.1, "bowl_001_too_large": 1, "bowl_001_too_small": 0.000001}
"""The learning rate of each experiment, a whole number where the article's is one."""


def bowl(position: Array) -> Any:
    """x² + y², in the type of the position: whole numbers overflow, and their differences are right again."""
    return position[0] ** 2 + position[1] ** 2


def from_whole_numbers(lr: float) -> Array:
    """Where the article's program ends."""
    return descend(bowl, np.array(START), lr, STEPS)


def published_values(results: Results) -> list[PublishedValue]:
    """Its published values, each beside ours."""
    paths = {name: results.path(name) for name in RATES}
    checks = {
        name: Check(paths[name], *on_bowl(START, lr, STEPS, run_config(results, name).divergence_threshold))
        for name, lr in RATES.items()
    }

    def end(name: str, rate: str, published: Sequence[str], cause: str) -> PublishedValue:
        return numbers(
            ARTICLE,
            f"from (3, 2) at rate {rate}",
            published,
            paths[name][-1],
            with_fault=from_whole_numbers(RATES[name]),
            cause=Cause(f"{WHOLE}{cause} Ours is on (3, 2) (1 - 2 lr)^step all the way.", checks[name]),
        )

    too_large, too_small = "bowl_001_too_large", "bowl_001_too_small"
    opposite = np.abs(paths[too_large][1:] + paths[too_large][:-1]).max(initial=0)
    left = np.linalg.norm(paths[too_small][-1]) / np.linalg.norm(START)
    diverges = np.abs(from_whole_numbers(RATES[too_large])).max() > 1e12
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
            f"after 100 steps {left:.2%} of the way remains",
            holds=checks[too_small].holds and bool(left > 0.9),
        ),
    ]
