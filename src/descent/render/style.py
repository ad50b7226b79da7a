"""What all pictures have in common: size, white ground, and colours that the colour-blind tell apart."""

from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a8a8a"
COLOURS = (RED, ORANGE, "black", "#cc79a7", GREEN, BLUE)
"""Of several things in one picture."""


def new_figure(width: float = 6.4, height: float = 4.8) -> Figure:
    """An empty figure, in inches of 100 pixels, that no pyplot state holds on to."""
    # White in light and dark: MLflow's artifact view shows a transparent picture on either.
    return Figure(figsize=(width, height), dpi=100, layout="constrained", facecolor="white")
