"""The folder of a run or a sweep: `record/` is the truth; `views/` is drawn from it and may be deleted at any time."""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descent.errors import UserError

if TYPE_CHECKING:  # NumPy takes a tenth of a second to import, and most commands do without
    from numpy.typing import NDArray

RECORD, VIEWS = "record", "views"
FORMAT = 2
"""The version of what is in `record/`; the first had no number, and no such folder."""


def now() -> int:
    """The time, in milliseconds since the epoch, as MLflow counts it."""
    return time.time_ns() // 1_000_000


def write_whole(path: Path, text: str) -> None:
    """Write a text so that a reader sees the old file or the new one, never half of it."""
    aside = path.with_name(path.name + ".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def write_arrays(path: Path, arrays: "Mapping[str, NDArray[Any]]") -> None:
    """Write arrays by name, compressed, so that a reader sees the old file or the new one."""
    import numpy as np

    aside = path.with_name(path.name + ".new")
    with aside.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    aside.replace(path)


def read_arrays(path: Path) -> "dict[str, NDArray[Any]]":
    """The arrays of a file, by name."""
    import numpy as np

    with np.load(path) as arrays:
        return dict(arrays)


def read_header(folder: Path, name: str) -> dict[str, Any]:
    """The header of the record in a folder, from its file of that name.

    Raises:
        FileNotFoundError: where there is none.
        UserError: for a folder that another version of Descent wrote.
    """
    refuse_first_version(folder, name)
    header: dict[str, Any] = json.loads((folder / RECORD / name).read_text(encoding="utf-8"))
    version = header.get("format")
    if version != FORMAT:
        raise UserError(f"{folder} is of format {version}, and this Descent reads {FORMAT}; remove it and train again")
    return header


def refuse_first_version(folder: Path, name: str) -> None:
    """Refuse a folder in which the first version of Descent kept its files: UserError."""
    if (folder / name).exists() and not (folder / RECORD).exists():
        raise UserError(f"{folder} was written by the first version of Descent; remove it and train again")


def folders_with(name: str, above: Iterable[Path]) -> list[Path]:
    """The folders whose record has a header of that name, at or below the given ones, in order of their names.

    Raises:
        UserError: for a folder that the first version of Descent wrote.
    """
    headers = [path for folder in above for path in folder.rglob(name)]
    for path in headers:
        if path.parent.name != RECORD:
            refuse_first_version(path.parent, name)
    return sorted({path.parent.parent for path in headers if path.parent.name == RECORD})
