"""The folder of a run or a sweep: `record/` is the truth; `views/` are drawn from it and may be deleted at any time."""

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from descent.errors import UserError

RECORD, VIEWS = "record", "views"
FORMAT = 3
"""The version of the format of `record/`; the first version had neither a number nor that folder."""
READABLE = (2, FORMAT)
"""The versions that are read; the second has no digests of its files."""


def now() -> int:
    """The current time in milliseconds since the epoch, as MLflow counts it."""
    return time.time_ns() // 1_000_000


def read_header(folder: Path, name: str) -> dict[str, Any]:
    """Read the header of the record in a folder, from the file of that name.

    Raises:
        FileNotFoundError: if there is none.
        UserError: if another version of Descent wrote the folder, or it can't be read.
    """
    try:
        refuse_first_version(folder, name)
        path = folder / RECORD / name
        header: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = header["format"]
    except PermissionError as error:
        raise UserError(f"{error.filename} can't be read: permission denied") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged; restore it, or remove {folder} and train again") from error
    if version not in READABLE:
        raise UserError(f"{folder} is of format {version}, and this Descent reads {FORMAT}; remove it and train again")
    return header


def refuse_first_version(folder: Path, name: str) -> None:
    """Raise a UserError for a folder that the first version of Descent wrote."""
    if (folder / name).exists() and not (folder / RECORD).exists():
        raise UserError(f"{folder} was written by the first version of Descent; remove it and train again")


def folders_with(name: str, roots: Iterable[Path]) -> list[Path]:
    """The folders at or below the roots whose record has a header of that name, sorted.

    Among them are those that the first version of Descent wrote, and those that can't be read: `read_header` refuses
    them.
    """
    folders: set[Path] = set()

    def add_unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            folders.add(_folder_of(Path(error.filename)))

    for root in roots:
        for path, _, files in os.walk(root, onerror=add_unreadable):
            folder = Path(path)
            if name in files and (folder.name == RECORD or not (folder / RECORD).exists()):
                folders.add(_folder_of(folder))
    return sorted(folders)


def _folder_of(path: Path) -> Path:
    """The folder of a run or a sweep, of which a path is the record or the whole."""
    return path.parent if path.name == RECORD else path
