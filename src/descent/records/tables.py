"""Files of a run record that grow while it trains, read and written in pieces: they may be larger than the memory."""

import hashlib
import os
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from descent.records.damage import damaged, reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 1 << 20
"""Bytes that are read at once."""


class Extent(NamedTuple):
    """The beginning of a file: its length in bytes, and its SHA-256 in hexadecimal digits."""

    length: int
    sha256: str


Position = dict[str, Extent]
"""How far each file that grows has come, by its name."""


def extent_of(path: Path, length: int | None = None) -> Extent:
    """The extent of the first `length` bytes of a file, by default of all; of fewer where it is shorter."""
    digest, count = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK if length is None else min(BLOCK, length - count)):
            digest.update(block)
            count += len(block)
    return Extent(count, digest.hexdigest())


class GrowingFile:
    """A file that bytes are appended to, with the digest of what it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._length, self._digest = 0, hashlib.sha256()
        self._file: IO[bytes] | None = None
        if path.exists():
            with path.open("rb") as file:
                while block := file.read(BLOCK):
                    self._count(block)

    def _count(self, content: bytes) -> None:
        self._length += len(content)
        self._digest.update(content)

    def append(self, content: bytes) -> None:
        """Append bytes, and leave the file open."""
        if self._file is None:
            self._file = self.path.open("ab")
        self._file.write(content)
        self._count(content)

    def flush(self) -> Extent:
        """Wait until the disk has all that was appended; return the extent of that."""
        with self.path.open("ab") as again:  # which a closed file needs
            file = self._file or again
            file.flush()
            os.fsync(file.fileno())
        return Extent(self._length, self._digest.hexdigest())

    def close(self) -> None:
        """Close the file, which the next `append` opens again."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()


@dataclass(frozen=True)
class Table:
    """Rows of metrics: the columns `step`, `timestamp` and one for each metric; None for a missing value."""

    columns: list[str]
    rows: list[list[float | None]]

    def column(self, name: str) -> "NDArray[np.float64]":
        """The values of a column, (rows,); nan for a missing value."""
        import numpy as np

        index = self.columns.index(name)
        return np.array([row[index] for row in self.rows], dtype=np.float64)


@dataclass(frozen=True)
class TableFile:
    """A table on disk, as a reader may see it.

    Args:
        path: of the file, which may be missing.
        length: in bytes; None for all of the file.
        sha256: of the file, if it is known.
    """

    path: Path
    length: int | None = None
    sha256: str | None = None

    def columns(self) -> list[str]:
        """The names of the columns; none if there are no rows yet."""
        return next((lines.partition(b"\n")[0].decode().split(",") for lines in self._lines()), [])

    def count(self) -> int:
        """The number of rows."""
        return max(0, sum(lines.count(b"\n") for lines in self._lines()) - 1)

    def read(self, rows: Collection[int] | None = None) -> Table:
        """Some rows, by their numbers from 0; by default all."""
        lines_of_rows = None if rows is None else sorted(row + 1 for row in rows)  # the first line has the names
        columns: list[str] = []
        values: list[list[float | None]] = []
        first = 0
        with reading(self.path):
            for lines in self._lines():
                last = first + lines.count(b"\n")
                if first == 0:
                    columns = lines.partition(b"\n")[0].decode().split(",")
                if lines_of_rows is None:
                    chosen = lines.splitlines()[first == 0 :]
                else:
                    numbers = lines_of_rows[bisect_left(lines_of_rows, first) : bisect_left(lines_of_rows, last)]
                    split = lines.splitlines() if numbers else []
                    chosen = [split[number - first] for number in numbers]
                values += [[float(cell) if cell else None for cell in line.split(b",")] for line in chosen]
                first = last
        return Table(columns, values)

    def values(self, *names: str) -> "NDArray[np.float64]":
        """The values of some columns in all rows, (rows, names); nan for a missing value."""
        import numpy as np

        indices: list[int] = []
        parts = [np.empty((0, len(names)))]
        with reading(self.path):
            for lines in self._lines():
                rows = lines.splitlines()
                if not indices:
                    columns = rows.pop(0).decode().split(",")
                    indices = [columns.index(name) for name in names]
                cells = (row.split(b",") for row in rows)
                part = np.array([[float(row[index] or b"nan") for index in indices] for row in cells], dtype=np.float64)
                parts.append(part.reshape(-1, len(names)))
        return np.concatenate(parts)

    def _lines(self) -> Iterator[bytes]:
        """The file in blocks of whole lines; the first line has the names of the columns.

        Raises:
            UserError: at the end, if the file is not the one that the run wrote.
        """
        if not self.path.exists():
            if self.sha256 is not None:
                raise damaged(self.path)
            return
        digest, left, line = hashlib.sha256(), self.length, b""
        with self.path.open("rb") as file:
            while block := file.read(BLOCK if left is None else min(BLOCK, left)):
                digest.update(block)
                left = None if left is None else left - len(block)
                whole, newline, rest = block.rpartition(b"\n")
                if newline:
                    yield line + whole + newline
                    line = rest
                else:
                    line += rest
        if self.sha256 is not None and digest.hexdigest() != self.sha256:
            raise damaged(self.path)
