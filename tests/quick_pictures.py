"""A picture that is drawn in no time, for tests of what stands around it."""

from typing import Any

from PIL import Image

from descent.records.run import TRAJECTORY
from descent.runs.pictures import STILL, Descended

WIDTH = 100
QUICK: dict[str, Any] = {"_target_": "quick_pictures.visited", "_partial_": True}
"""What a configuration has as its `picture`."""


def visited(run: Descended) -> None:
    """Pixels that are the bytes of the positions that a network visited, and so tell one path from another."""
    path = run.record.folder / TRAJECTORY
    pixels = path.read_bytes() if path.exists() else b""
    height = len(pixels) // WIDTH + 1
    Image.frombytes("L", (WIDTH, height), pixels.ljust(WIDTH * height)).save(run.record.folder / STILL)
