"""The run record: the files in `record/` of a run's folder.

    run.json         what the run is: id, key, name, params, tags, inputs; written once, at the start
    config.yaml      its resolved configuration
    steps.csv        a row for every step
    evaluations.csv  a row for every evaluation
    trajectory.f32   snapshots of a network's parameters, in float32; removed when the run has ended
    landscape.npz    the loss around the path, for the pictures
    committed.json   how much of each table the last checkpoint covers, and its SHA-256; removed when the run has ended
    checkpoint.ckpt  the last checkpoint, from which the run is resumed, and in the end its final state
    checkpoint.previous.ckpt  the one before; removed when the run has ended
    metrics.json     the final metrics
    result.json      how the run ended, and the SHA-256 of the other files; written last, so that its presence means
                     that the record is complete
    traceback.txt    the error that stopped the run, if one did; removed when the run is resumed

The views, which are drawn from the record, are beside it in `views/`.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, get_args

from descent.records.damage import damaged, reading
from descent.records.files import ASIDE, flush, make_folder, read_arrays, write_arrays, write_atomically
from descent.records.folder import RECORD, VIEWS, folders_with, now, read_header
from descent.records.header import Header, Input, Result, Termination
from descent.records.tables import Extent, GrowingFile, Position, Table, TableFile, extent_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEADER = "run.json"
CONFIG = "config.yaml"
RESULT = "result.json"
STEPS = "steps.csv"
EVALUATIONS = "evaluations.csv"
TRAJECTORY = "trajectory.f32"
LANDSCAPE = "landscape.npz"
COMMITTED = "committed.json"
METRICS = "metrics.json"
FAULT = "traceback.txt"
CHECKPOINT, PREVIOUS = "checkpoint.ckpt", "checkpoint.previous.ckpt"
TEMPORARY = (COMMITTED, PREVIOUS, TRAJECTORY)
"""The files that are removed when the run has ended."""
APPENDED = (".csv", ".f32")
BEST = "best/"
"""The prefix of the best value of a metric: of a run's evaluations, or of a sweep's groups."""
OVERRIDES = "hydra.overrides"
"""The tag of a run or of a sweep that holds the words of its command line."""
COMMAND = "descent.command"
"""The tag of a run that holds the command that trains it."""
SWEEP_OF = "descent.sweep"
"""The tag of a run that holds the id of its sweep."""

COORDINATE = re.compile(r"x|y|x\d+")
"""The name of a column that has a coordinate of a position."""


def coordinates(count: int) -> list[str]:
    """The columns of a position of so many parameters: x, x and y, or x1, x2, x3 and so on."""
    return ["x", "y"][:count] if count <= 2 else [f"x{number}" for number in range(1, count + 1)]


Landscape = dict[str, "NDArray[Any]"]
"""The arrays of landscape.npz, by name; which ones depends on `kind` (`descent.core.training.landscape`)."""


class RunRecord:
    """A run record on disk.

    Attributes:
        folder: of the run.
        files: the folder of the record.
        views: the folder of the views.
    """

    def __init__(self, folder: Path) -> None:
        """Open an existing record; raise FileNotFoundError if there is none, UserError if its format is another."""
        self.folder, self.files, self.views = folder, folder / RECORD, folder / VIEWS
        header = read_header(folder, HEADER)
        with reading(self.files / HEADER):
            header["inputs"] = [Input(**source) for source in header["inputs"]]
            self.header = Header(**header)
        self._growing: dict[str, GrowingFile] = {}
        self._keeps_open = False

    @classmethod
    def create(cls, folder: Path, header: Header, config: str) -> Self:
        """Create a record in a folder; `config` is the resolved configuration as YAML."""
        files = folder / RECORD
        make_folder(files)
        write_atomically(files / CONFIG, config)
        write_atomically(files / HEADER, json.dumps(asdict(header), indent=2, ensure_ascii=False) + "\n")
        for changed in (files, folder, folder.parent):
            flush(changed)
        return cls(folder)

    def __enter__(self) -> Self:
        """Keep the files open that are appended to."""
        self._keeps_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeps_open = False
        self.close()

    def close(self) -> None:
        """Flush and close the files."""
        for file in self._growing.values():
            file.close()

    # Written by the run

    def append_bytes(self, name: str, data: bytes) -> None:
        """Append to a file of the record."""
        self._growing_file(name).append(data)
        if not self._keeps_open:
            self.close()

    def _growing_file(self, name: str) -> GrowingFile:
        if name not in self._growing:
            self._growing[name] = GrowingFile(self.files / name)
        return self._growing[name]

    def append(self, table: str, rows: Sequence[Mapping[str, float | None]]) -> None:
        """Append rows to a table; they have the same keys, including `step` and `timestamp`."""
        if not rows:
            return
        lines = [",".join("" if value is None else repr(value) for value in row.values()) for row in rows]
        if not (self.files / table).exists():
            lines.insert(0, ",".join(rows[0]))
        self.append_bytes(table, "".join(f"{line}\n" for line in lines).encode())

    def position(self) -> Position:
        """How far each file that grows has come; the disk has all of that."""
        names = [path.name for path in sorted(self.files.iterdir()) if path.suffix in APPENDED]
        return {name: self._growing_file(name).flush() for name in names}

    def commit(self, position: Position) -> None:
        """Show readers the tables up to a position, from which a checkpoint on disk can resume the run."""
        write_atomically(self.files / COMMITTED, json.dumps(position))

    def damage(self, position: Position) -> str | None:
        """What is wrong with the files up to a position, in words; None if they are what the run wrote."""
        for name, extent in position.items():
            path = self.files / name
            if not path.exists():
                return f"{name} is missing"
            if path.stat().st_size < extent.length:
                return f"{name} ends before it"
            if extent_of(path, extent.length) != extent:
                return f"{name} is not what the run wrote"
        return None

    def rewind(self, position: Position) -> None:
        """Remove everything that was appended after a position, and the error that stopped the run."""
        self.close()
        self._growing.clear()
        (self.files / FAULT).unlink(missing_ok=True)
        for path in self.files.iterdir():
            if path.suffix in APPENDED and path.name in position:
                os.truncate(path, position[path.name].length)
            elif path.suffix in (*APPENDED, ASIDE):
                path.unlink()

    def save_landscape(self, landscape: Landscape) -> None:
        """Write the loss around the path."""
        write_arrays(self.files / LANDSCAPE, landscape)

    def fail(self, trace: str) -> None:
        """Write the traceback of the error that stopped the run."""
        self.close()
        write_atomically(self.files / FAULT, trace)

    def finish(self, result: Result, step: int, metrics: Mapping[str, float]) -> None:
        """Write the final metrics and the result, which completes the record."""
        self.position()
        self.close()
        write_atomically(self.files / METRICS, json.dumps(metrics, indent=2) + "\n")
        files = [path for path in sorted(self.files.iterdir()) if path.is_file()]
        paths = [path for path in files if path.name not in TEMPORARY and path.suffix != ASIDE]
        termination = Termination(result, step, now(), {path.name: extent_of(path).sha256 for path in paths})
        flush(self.files)
        write_atomically(self.files / RESULT, json.dumps(asdict(termination), indent=2) + "\n")
        self.remove_temporary()

    def remove_temporary(self) -> None:
        """Remove the files that only a run needs which has not ended."""
        for name in (*TEMPORARY, FAULT):
            (self.files / name).unlink(missing_ok=True)
        flush(self.files)

    # Read by everything else

    @property
    def store(self) -> str | None:
        """The MLflow store that the run was to be synced to, without a password; None for none."""
        uri = self.header.params.get("tracking.uri")
        return None if uri == "null" else uri

    def ending(self) -> Termination | None:
        """How the run ended; None if it has not."""
        try:
            with reading(self.files / RESULT):
                termination = Termination(**json.loads((self.files / RESULT).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        if termination.result not in get_args(Result):
            raise damaged(self.files / RESULT)
        return termination

    def failed(self) -> bool:
        """Whether an error stopped the run, and it has not been resumed."""
        return (self.files / FAULT).exists()

    def metrics(self) -> dict[str, float]:
        """The final metrics of an ended run."""
        with reading(self.files / METRICS):
            return {name: float(value) for name, value in json.loads(self.content(METRICS)).items()}

    def content(self, name: str) -> bytes:
        """The content of a file of an ended run.

        Raises:
            UserError: if it is missing, or is not what the run wrote.
        """
        path, ending = self.files / name, self.ending()
        expected = None if ending is None else ending.sha256.get(name)
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise damaged(path) from error
        if expected not in (None, hashlib.sha256(content).hexdigest()):
            raise damaged(path)
        return content

    def table(self, name: str) -> TableFile:
        """The committed rows of a table: all rows of an ended run, else those that its last checkpoint covers."""
        # The committed length is read first, since the run may write more rows, or end, while the table is read.
        ending = self.ending()
        if ending is not None:
            return TableFile(self.files / name, sha256=ending.sha256.get(name))
        committed = self.committed()
        return TableFile(self.files / name, committed[name].length if name in committed else 0)

    def read(self, table: str) -> Table:
        """All committed rows of a table, which are held in memory."""
        return self.table(table).read()

    def landscape(self) -> Landscape:
        """The loss around the path of an ended run."""
        with reading(self.files / LANDSCAPE):
            return read_arrays(self.content(LANDSCAPE))

    def path(self) -> "NDArray[np.float64]":
        """The positions of a problem whose every step's is recorded, (steps + 1, components), from the start."""
        import numpy as np

        steps = self.table(STEPS)
        names = [name for name in steps.columns() if COORDINATE.fullmatch(name)]
        return np.concatenate([self.table(EVALUATIONS).values(*names)[:1], steps.values(*names)])

    def committed(self) -> Position:
        """The position up to which readers are shown the tables of a run that has not ended."""
        try:
            text = (self.files / COMMITTED).read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        with reading(self.files / COMMITTED):
            position = json.loads(text)
            extents = {name: [extent, ""] if isinstance(extent, int) else extent for name, extent in position.items()}
            return {name: Extent(*extent) for name, extent in extents.items()}  # of the second format, lengths alone


def run_folders(folders: Iterable[Path]) -> list[Path]:
    """The folders of all run records at or below some folders, sorted."""
    return folders_with(HEADER, folders)
