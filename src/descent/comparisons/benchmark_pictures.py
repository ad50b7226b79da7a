"""The pictures of a benchmark: the profiles of its optimizers, and a heat map of optimizers and problems."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from descent.comparisons.benchmarks import SolvedProblem
from descent.comparisons.profiles import mean_ranks, ratios
from descent.render.heat_map import heat_map_picture
from descent.render.shares import ShareLine, shares_picture

LAST_RATIO = 100.0
"""Where the profiles end at the latest, in multiples of the fastest optimizer's steps."""
SLOWEST = 30.0
"""A cell of the heat map is as light as an unsolved one from so many times the fastest optimizer's steps on."""


def benchmark_pictures(title: str, problems: Sequence[SolvedProblem]) -> dict[str, Figure]:
    """The pictures, by name."""
    return {"profile": _profile(title, problems), "heat_map": _heat_map(title, problems)}


def _profile(title: str, problems: Sequence[SolvedProblem]) -> Figure:
    """The share of the starts that each optimizer solves within a multiple of the fastest one's steps."""
    multiples = ratios([problem.steps for problem in problems])
    finite = np.concatenate([row[np.isfinite(row)] for row in multiples.values()])
    end = min(LAST_RATIO, float(finite.max(initial=2.0)))
    order = [rank.optimizer for rank in mean_ranks([problem.steps for problem in problems])]
    shown = {optimizer: np.where(row <= end, row, np.inf) for optimizer, row in multiples.items()}
    lines = [ShareLine(optimizer, shown[optimizer], end) for optimizer in order]
    y_label = f"share of the {len(shown[order[0]])} starts from which it is solved"
    return shares_picture(f"{title}: performance profile", "steps / those of the fastest optimizer", y_label, lines)


def _heat_map(title: str, problems: Sequence[SolvedProblem]) -> Figure:
    """Of each optimizer on each problem, the median of its steps and the share of the starts that it solves."""
    order = [rank.optimizer for rank in mean_ranks([problem.steps for problem in problems])]
    shades, texts = np.zeros((len(order), len(problems))), []
    fastest = [min(_median(steps) for steps in problem.steps.values()) for problem in problems]
    for row, optimizer in enumerate(order):
        texts.append([_text(problem.steps[optimizer]) for problem in problems])
        for column, problem in enumerate(problems):
            steps = problem.steps[optimizer]
            slowness = np.log(max(_median(steps), 1.0) / max(fastest[column], 1.0)) / np.log(SLOWEST)
            solved = np.isfinite(steps).mean()
            shades[row, column] = solved * max(0.0, 1 - 0.85 * slowness) if solved else 0.0
    names = [problem.name for problem in problems]
    subtitle = "median steps to the target at the best rate, and the share of starts from which it is reached"
    return heat_map_picture(f"{title}\n{subtitle}", order, names, shades, texts)


def _median(steps: np.ndarray) -> float:
    """The median of the steps of those that arrive; infinite if none does."""
    arrived = steps[np.isfinite(steps)]
    return float(np.median(arrived)) if len(arrived) else np.inf


def _text(steps: np.ndarray) -> str:
    solved = np.isfinite(steps).mean()
    return f"{_median(steps):,.0f}\n{solved:.0%}" if solved else "–"
