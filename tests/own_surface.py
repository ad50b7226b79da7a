"""A surface of the user's own, which tests edit."""

from pathlib import Path

QUICK = ("trainer.max_steps=20", "tracking=none")
MINE = ("problem=bowl", "problem.height.path=my_surface.height", "optimizer.lr=0.01", *QUICK)
SOURCE = "from my_steepness import STEEPNESS\n\n\ndef height(x, y):\n    return STEEPNESS * (x**2 + y**2)\n"


def write_surface(folder: Path, steepness: int) -> None:
    """Write it; sources of one-digit steepnesses are of one length, and tests write them within the same second."""
    (folder / "my_surface.py").write_text(SOURCE)
    (folder / "my_steepness.py").write_text(f"STEEPNESS = {steepness}\n")


def end(steepness: int, start: float = -3.0) -> float:
    """The x at which 20 steps at a rate of 0.01 end."""
    return start * (1 - 0.02 * steepness) ** 20
