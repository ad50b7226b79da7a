"""Small pictures: a path in the loss around it, and nothing else."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

WIDTH = 3.2
"""In inches, 100 pixels each."""
COLOURS = 96
"""Of the file, which is then a third as large."""


def thumbnail_axes(ratio: float) -> tuple[Figure, Axes]:
    """Axes without labels that fill a small figure, `ratio` times as high as wide."""
    figure = Figure(figsize=(WIDTH, WIDTH * ratio), dpi=100, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    return figure, axes


def save_thumbnail(figure: Figure, path: Path) -> None:
    """Save a small figure as a PNG file."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB")
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
