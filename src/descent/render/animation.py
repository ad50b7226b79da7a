"""Animations as GIF files, which play in MLflow's artifact view and in a README."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from descent.render.trail import Array, Indices, Range, sample_path

MAX_FRAMES = 60
"""The most frames of an animation."""


def frame_indices(path: Array, *view: Range) -> Indices:
    """The indices of the positions of a path, (positions, components), that its animation shows, MAX_FRAMES at most."""
    return sample_path(path, MAX_FRAMES, *view)


UpdateFrame = Callable[[int], None]
"""Sets the data of the moving artists for a frame."""


class BlittedFigure:
    """A figure whose static part is drawn only once, which is some twenty times faster than `matplotlib.animation`.

    Args:
        figure: the figure.
        artists: the artists that are not part of the static background.
    """

    def __init__(self, figure: Figure, artists: Sequence[Artist]) -> None:
        self.figure, self.canvas = figure, FigureCanvasAgg(figure)
        for artist in artists:
            artist.set_animated(True)
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(figure.bbox)

    def render(self, artists: Sequence[Artist]) -> Image.Image:
        """The background with some of the artists."""
        self.canvas.restore_region(self.background)
        for artist in artists:
            self.figure.draw_artist(artist)
        return Image.fromarray(np.array(self.canvas.buffer_rgba())).convert("RGB")

    def save(self, path: Path, artists: Sequence[Artist]) -> None:
        """Save the background with some of the artists as a PNG file."""
        self.render(artists).save(path, dpi=(self.figure.dpi, self.figure.dpi))

    def animate(self, path: Path, artists: Sequence[Artist], update: UpdateFrame, frames: int, seconds: float) -> None:
        """Save frames 0 ... frames - 1, in which some of the artists move, as a GIF file.

        The animation takes `seconds`, and then shows its last frame for two seconds.
        """
        images = []
        for frame in range(frames):
            update(frame)
            images.append(self.render(artists))
        # The other methods spend the palette on large areas, and lose the colour of a small mark.
        palette = images[-1].quantize(128, Image.Quantize.MAXCOVERAGE)
        first, *rest = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images)
        durations = [round(1000 * seconds / frames)] * (frames - 1) + [2000]
        first.save(path, save_all=True, append_images=rest, duration=durations, loop=0)
