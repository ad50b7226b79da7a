"""The folder of a run or a sweep: `record/` is the truth; `views/` are drawn from it and may be deleted at any time."""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descent.errors import UserError

if TYPE_CHECKING:  # importing NumPy takes a tenth of a second, and most commands do not need it
    from numpy.typing import NDArray

RECORD, VIEWS = "record", "views"
FORMAT = 2
"""The version of the format of `record/`; the first version had neither a number nor that folder."""


def now() -> int:
    """The current time in milliseconds since the epoch, as MLflow counts it."""
    return time.time_ns() // 1_000_000


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old content or the new one, never a part."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_arrays(path: Path, arrays: "Mapping[str, NDArray[Any]]") -> None:
    """Write arrays by name, compressed, so that a reader sees the old file or the new one."""
    import numpy as np

    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    temporary.replace(path)


def read_arrays(path: Path) -> "dict[str, NDArray[Any]]":
    """Read the arrays of a file, by name."""
    import numpy as np

    with np.load(path) as arrays:
        return dict(arrays)


def read_header(folder: Path, name: str) -> dict[str, Any]:
    """Read the header of the record in a folder, from the file of that name.

    Raises:
        FileNotFoundError: if there is none.
        UserError: if another version of Descent wrote the folder.
    """
    refuse_first_version(folder, name)
    header: dict[str, Any] = json.loads((folder / RECORD / name).read_text(encoding="utf-8"))
    version = header.get("format")
    if version != FORMAT:
        raise UserError(f"{folder} is of format {version}, and this Descent reads {FORMAT}; remove it and train again")
    return header


def refuse_first_version(folder: Path, name: str) -> None:
    """Raise a UserError for a folder that the first version of Descent wrote."""
    if (folder / name).exists() and not (folder / RECORD).exists():
        raise UserError(f"{folder} was written by the first version of Descent; remove it and train again")


def folders_with(name: str, roots: Iterable[Path]) -> list[Path]:
    """The folders at or below the roots whose record has a header of that name, sorted.

    Raises:
        UserError: for a folder that the first version of Descent wrote.
    """
    headers = [path for root in roots for path in root.rglob(name)]
    for path in headers:
        if path.parent.name != RECORD:
            refuse_first_version(path.parent, name)
    return sorted({path.parent.parent for path in headers if path.parent.name == RECORD})
