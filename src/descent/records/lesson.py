"""The record of the lesson: on each surface, descents by several optimizers, at several rates, from several starts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descent.errors import UserError
from descent.records.files import make_folder, read_arrays, write_arrays, write_atomically
from descent.records.folder import RECORD
from descent.records.run import CONFIG

if TYPE_CHECKING:
    from numpy.typing import NDArray

LESSON = "lesson"
"""The folder of the lesson in a project."""
ARRAYS = "lesson.npz"
AT_REST = -1
"""Stands for a minimum where a descent is at rest at none that is known, as in a dip or on a saddle."""


@dataclass(frozen=True)
class SurfaceDescents:
    """The descents on one surface, and the surface around them.

    Args:
        about: (), what there is to see on the surface.
        optimizers: (optimizers,), their names.
        rates: (optimizers, rates), the learning rates of each, the lowest first.
        starts: (starts, 2), where descents start.
        positions: (optimizers, rates, starts, steps + 1, 2) in float32, after each step; nan after the last.
        losses: (optimizers, rates, starts, steps + 1) in float32, the loss there.
        reached: (optimizers, rates, starts, steps + 1), the number of the minimum that is within reach there, counted
            from 1; AT_REST where it is at rest elsewhere, else 0.
        steps: (optimizers, rates, starts), the number of steps taken.
        diverged: (optimizers, rates, starts), whether it diverged with the last of them.
        first: (columns,), the first coordinates of a grid over what is shown.
        second: (rows,), the second ones.
        heights: (rows, columns), the loss there.
        minima: (minima, 2), the known minima.
    """

    about: "NDArray[Any]"
    optimizers: "NDArray[Any]"
    rates: "NDArray[Any]"
    starts: "NDArray[Any]"
    positions: "NDArray[Any]"
    losses: "NDArray[Any]"
    reached: "NDArray[Any]"
    steps: "NDArray[Any]"
    diverged: "NDArray[Any]"
    first: "NDArray[Any]"
    second: "NDArray[Any]"
    heights: "NDArray[Any]"
    minima: "NDArray[Any]"


def write_lesson(folder: Path, surfaces: dict[str, SurfaceDescents], config: str) -> None:
    """Write the record of the lesson in a folder: the descents by the name of their surface, and the configuration."""
    make_folder(folder / RECORD)
    arrays = {
        f"{name}/{field.name}": getattr(descents, field.name)
        for name, descents in surfaces.items()
        for field in fields(SurfaceDescents)
    }
    write_atomically(folder / RECORD / CONFIG, config)
    write_arrays(folder / RECORD / ARRAYS, arrays)


def read_lesson(folder: Path) -> dict[str, SurfaceDescents]:
    """The descents of the lesson in a folder, by the name of their surface.

    Raises:
        UserError: if there are none, or arrays are missing.
    """
    path = folder / RECORD / ARRAYS
    if not path.exists():
        raise UserError(f"{path} is missing; `descent lesson` writes it")
    arrays = read_arrays(path.read_bytes())
    names: Sequence[str] = list(dict.fromkeys(key.partition("/")[0] for key in arrays))
    try:
        return {
            name: SurfaceDescents(**{field.name: arrays[f"{name}/{field.name}"] for field in fields(SurfaceDescents)})
            for name in names
        }
    except KeyError as error:
        raise UserError(f"{path} has no array {error}; `descent lesson` writes it again") from error
