"""Animations as GIF files, which play in MLflow's artifact view and in a README."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from descent.render.trail import Array, Indices, Range, spread

FRAMES = 60
"""The most frames of an animation."""


def frames_along(path: Array, *view: Range) -> Indices:
    """The positions of a path, (positions, components), that an animation of it shows: FRAMES of them at most."""
    return spread(path, FRAMES, *view)


Draw = Callable[[int], None]
"""Puts what moves where it is in a frame."""


class Ground:
    """What of a figure stands still, drawn once: which is some twenty times as fast as `matplotlib.animation`.

    Args:
        figure: what is drawn on.
        artists: what it leaves out.
    """

    def __init__(self, figure: Figure, artists: Sequence[Artist]) -> None:
        self.figure, self.canvas = figure, FigureCanvasAgg(figure)
        for artist in artists:
            artist.set_animated(True)
        self.canvas.draw()
        self.drawn = self.canvas.copy_from_bbox(figure.bbox)

    def under(self, artists: Sequence[Artist]) -> Image.Image:
        """The figure with some of the artists."""
        self.canvas.restore_region(self.drawn)
        for artist in artists:
            self.figure.draw_artist(artist)
        return Image.fromarray(np.array(self.canvas.buffer_rgba())).convert("RGB")

    def save(self, path: Path, artists: Sequence[Artist]) -> None:
        """Save the figure with some of the artists as a PNG file."""
        self.under(artists).save(path, dpi=(self.figure.dpi, self.figure.dpi))

    def animate(self, path: Path, artists: Sequence[Artist], draw: Draw, frames: int, seconds: float) -> None:
        """Save frames 0 ... frames - 1, in which some of the artists move, as a GIF file.

        The animation takes `seconds` before its last frame, which stands for two more.
        """
        images = []
        for frame in range(frames):
            draw(frame)
            images.append(self.under(artists))
        # The other methods spend their colours on what is large, and lose that of a small mark.
        palette = images[-1].quantize(128, Image.Quantize.MAXCOVERAGE)
        first, *rest = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images)
        durations = [round(1000 * seconds / frames)] * (frames - 1) + [2000]
        first.save(path, save_all=True, append_images=rest, duration=durations, loop=0)
