"""The picture of how runs ended: the share of each outcome, with its interval."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from descent.render.style import BLUE, GREY, new_figure


def outcomes_picture(title: str, shares: Mapping[str, tuple[float, float, float]], runs: int) -> Figure:
    """A bar for each outcome.

    Args:
        title: of the picture.
        shares: by outcome, its share and the ends of the 95 % interval of that, from 0 to 1.
        runs: how many there are.
    """
    figure = new_figure(8, 1.6 + 0.5 * len(shares))
    axes = figure.subplots()
    values, lows, highs = 100 * np.array(list(shares.values())).T
    axes.barh(list(shares), values, color=BLUE, alpha=0.75, height=0.6)
    axes.errorbar(values, list(shares), xerr=[values - lows, highs - values], fmt="none", ecolor="black", capsize=4)
    for place, (value, low, high) in enumerate(zip(values, lows, highs, strict=True)):
        text = f"{value:.3g} % ({low:.3g} % to {high:.3g} %)"
        axes.annotate(text, (high, place), (8, 0), textcoords="offset points", va="center", fontsize=10)
    axes.set(ylim=(len(shares) - 0.4, -0.6))
    axes.set(xlim=(0, 145), xticks=range(0, 101, 20), xlabel=f"% of {runs:,} runs, with 95 % intervals")
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_color(GREY)
    axes.set_title(title, fontsize=11)
    return figure
