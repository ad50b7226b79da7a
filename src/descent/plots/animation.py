"""Animations as GIF files, which play in MLflow's artifact view and in a README."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from descent.plots.trail import Array, Indices, Range, spread

FRAMES = 60
"""The most frames of an animation."""


def frames_along(path: Array, *view: Range) -> Indices:
    """The positions of a path, (positions, components), that an animation of it shows: FRAMES of them at most."""
    return spread(path, FRAMES, *view)


def save_animation(
    path: Path,
    figure: Figure,
    artists: Sequence[Artist],
    draw: Callable[[int], None],
    frames: int,
    seconds: float,
) -> None:
    """Save frames 0 ... frames - 1 of a figure.

    Only what moves is drawn for each frame, which is some twenty times as fast as `matplotlib.animation`.

    Args:
        path: the GIF file.
        figure: what is drawn on.
        artists: what moves.
        draw: puts the artists where they are in a frame.
        frames: how many.
        seconds: how long the animation takes, before its last frame stands for two seconds more.
    """
    canvas = FigureCanvasAgg(figure)
    for artist in artists:
        artist.set_animated(True)
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    images = []
    for frame in range(frames):
        draw(frame)
        canvas.restore_region(ground)
        for artist in artists:
            figure.draw_artist(artist)
        images.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
    # The other methods spend their colours on what is large, and lose that of a small mark.
    palette = images[-1].quantize(128, Image.Quantize.MAXCOVERAGE)
    first, *rest = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images)
    durations = [round(1000 * seconds / frames)] * (frames - 1) + [2000]
    first.save(path, save_all=True, append_images=rest, duration=durations, loop=0)
