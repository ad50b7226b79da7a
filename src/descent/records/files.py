"""Files that are whole even after a power cut: written aside, flushed to the disk, and then renamed."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descent.records.secrets import redacted

if TYPE_CHECKING:  # importing NumPy takes a tenth of a second, and most commands do not need it
    from numpy.typing import NDArray

ASIDE = ".new"
"""The end of the name of a file that is not whole yet."""


def write_atomically(path: Path, content: "str | bytes | memoryview", previous: Path | None = None) -> None:
    """Write a file so that a reader, even one after a power cut, sees the old content or the new one, never a part.

    A power cut may bring the old file back, unless `flush` follows.

    Args:
        path: of the file.
        content: text is written as UTF-8, without the passwords of addresses.
        previous: where the old file is kept, in place of one that is there; between the two renames, there is no new
            one yet.
    """
    aside = path.with_name(path.name + ASIDE)
    aside.unlink(missing_ok=True)  # one that a killed process left, or a stranger's link
    with aside.open("xb") as file:
        file.write(redacted(content).encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    if previous is not None and path.exists():
        path.replace(previous)
    aside.replace(path)


def flush(path: Path) -> None:
    """Wait until the disk has the content of a file, or what was created, renamed or removed in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, and wait until the disk has their names."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        flush(folder.parent)


def write_arrays(path: Path, arrays: "Mapping[str, NDArray[Any]]") -> None:
    """Write arrays by name, compressed, as `write_atomically` does."""
    import numpy as np

    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    write_atomically(path, content.getbuffer())


def read_arrays(content: bytes) -> "dict[str, NDArray[Any]]":
    """The arrays in a file's content, by name; none of them holds objects, which loading could have run code."""
    import numpy as np

    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)
