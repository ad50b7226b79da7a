"""The run record: the files in `record/` of a run's folder.

    run.json         what the run is: id, key, name, params, tags, inputs; written once, at the start
    config.yaml      its resolved configuration
    steps.csv        a row for every step
    evaluations.csv  a row for every evaluation
    trajectory.f32   snapshots of a network's parameters, in float32; removed when the run has ended
    landscape.npz    the loss around the path, for the pictures
    committed.json   the length in bytes of each table that the last checkpoint covers; removed when the run has ended
    checkpoint.ckpt  the last checkpoint, from which the run is resumed, and in the end its final state
    metrics.json     the final metrics
    result.json      how the run ended; written last, so that its presence means that the record is complete
    traceback.txt    the error that stopped the run, if one did; removed when the run is resumed

The views, which are drawn from the record, are beside it in `views/`.
"""

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from descent.records.folder import (
    FORMAT,
    RECORD,
    VIEWS,
    folders_with,
    now,
    read_arrays,
    read_header,
    write_arrays,
    write_atomically,
)

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
APPENDED = (".csv", ".f32")
BEST = "best/"
"""The prefix of the best value of a metric: of a run's evaluations, or of a sweep's groups."""
SWEEP_OF = "descent.sweep"
"""The tag of a run that holds the id of its sweep."""

COORDINATE = re.compile(r"x|y|x\d+")
"""The name of a column that has a coordinate of a position."""


def coordinates(count: int) -> list[str]:
    """The columns of a position of so many parameters: x, x and y, or x1, x2, x3 and so on."""
    return ["x", "y"][:count] if count <= 2 else [f"x{number}" for number in range(1, count + 1)]


Landscape = dict[str, "NDArray[Any]"]
"""The arrays of landscape.npz, by name; which ones depends on `kind` (`descent.core.training.landscape`)."""
Result = Literal["converged", "finished", "diverged", "stopped"]
"""How a run ended; it was stopped where others of its sweep were better on their way (`halving`)."""
Position = dict[str, int]
"""The length in bytes of each file that rows are appended to, by its name."""


@dataclass(frozen=True)
class Input:
    """A data file of a run: its name, its path in the project, or an absolute one, and its MD5, DVC's hash of it.

    The path is empty for the MD5 of the examples themselves, where files do not tell whether they have changed.
    """

    name: str
    path: str
    digest: str


@dataclass(frozen=True)
class Header:
    """The identity of a run.

    Args:
        id: unique among all runs.
        key: equal for runs that compute the same (`descent.records.lineage.run_key`).
        name: of the experiment.
        problem: the name of the problem, and of the MLflow experiment.
        created: milliseconds since the epoch.
        params: the resolved configuration, flat.
        tags: the lineage and other descriptions.
        inputs: the data files.
        rows: the number of rows that each table will have if the run takes all of its steps.
        code: the versions of the packages and the SHA-256 of the user's modules that it runs
            (`descent.records.code`).
        format: the version of the record.
    """

    id: str
    key: str
    name: str
    problem: str
    created: int
    params: dict[str, str]
    tags: dict[str, str]
    inputs: list[Input]
    rows: dict[str, int]
    code: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class Termination:
    """The end of a run: its result, the number of steps it took, and the time in milliseconds since the epoch."""

    result: Result
    step: int
    ended: int


@dataclass(frozen=True)
class Table:
    """A table of metrics: the columns `step`, `timestamp` and one for each metric; None for a missing value."""

    columns: list[str]
    rows: list[list[float | None]]

    def column(self, name: str) -> "NDArray[np.float64]":
        """The values of a column, (rows,); nan for a missing value."""
        import numpy as np

        index = self.columns.index(name)
        return np.array([row[index] for row in self.rows], dtype=np.float64)


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
        header["inputs"] = [Input(**source) for source in header["inputs"]]
        self.header = Header(**header)
        self._files: dict[str, io.BufferedWriter] = {}
        self._keeps_open = False

    @classmethod
    def create(cls, folder: Path, header: Header, config: str) -> Self:
        """Create a record in a folder; `config` is the resolved configuration as YAML."""
        files = folder / RECORD
        files.mkdir(parents=True, exist_ok=True)
        (files / CONFIG).write_text(config, encoding="utf-8")
        write_atomically(files / HEADER, json.dumps(asdict(header), indent=2, ensure_ascii=False) + "\n")
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
        for file in self._files.values():
            file.close()
        self._files.clear()

    # Written by the run

    def append_bytes(self, name: str, data: bytes) -> None:
        """Append to a file of the record."""
        if name not in self._files:
            self._files[name] = (self.files / name).open("ab")
        self._files[name].write(data)
        if not self._keeps_open:
            self.close()

    def append(self, table: str, rows: Sequence[Mapping[str, float | None]]) -> None:
        """Append rows to a table; they have the same keys, including `step` and `timestamp`."""
        if not rows:
            return
        lines = [",".join("" if value is None else repr(value) for value in row.values()) for row in rows]
        if table not in self._files and not (self.files / table).exists():
            lines.insert(0, ",".join(rows[0]))
        self.append_bytes(table, "".join(f"{line}\n" for line in lines).encode())

    def position(self) -> Position:
        """The length of each file that rows are appended to, after a flush."""
        for file in self._files.values():
            file.flush()
        return {path.name: path.stat().st_size for path in sorted(self.files.iterdir()) if path.suffix in APPENDED}

    def commit(self, position: Position) -> None:
        """Show readers the tables up to a position, from which a checkpoint on disk can resume the run."""
        write_atomically(self.files / COMMITTED, json.dumps(position))

    def rewind(self, position: Position) -> None:
        """Remove everything that was appended after a position, and the error that stopped the run."""
        self.close()
        (self.files / FAULT).unlink(missing_ok=True)
        for path in self.files.iterdir():
            if path.suffix in APPENDED:
                if path.name in position:
                    os.truncate(path, position[path.name])
                else:
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
        self.close()
        write_atomically(self.files / METRICS, json.dumps(metrics, indent=2) + "\n")
        (self.files / COMMITTED).unlink(missing_ok=True)
        write_atomically(self.files / RESULT, json.dumps(asdict(Termination(result, step, now())), indent=2) + "\n")

    # Read by everything else

    def ending(self) -> Termination | None:
        """How the run ended; None if it has not."""
        path = self.files / RESULT
        return Termination(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def failed(self) -> bool:
        """Whether an error stopped the run, and it has not been resumed."""
        return (self.files / FAULT).exists()

    def metrics(self) -> dict[str, float]:
        """The final metrics of an ended run."""
        metrics: dict[str, float] = json.loads((self.files / METRICS).read_text(encoding="utf-8"))
        return metrics

    def read(self, table: str) -> Table:
        """The committed rows of a table: all rows of an ended run, else those that its last checkpoint covers."""
        # The committed length is read first, since the run may write more rows, or end, while the table is read.
        committed = None if self.ending() else self.committed().get(table, 0)
        path = self.files / table
        if not path.exists():
            return Table([], [])
        lines = csv.reader(io.StringIO(path.read_bytes()[:committed].decode()))
        columns = next(lines, [])
        return Table(columns, [[float(value) if value else None for value in line] for line in lines])

    def landscape(self) -> Landscape:
        """The loss around the path of an ended run."""
        return read_arrays(self.files / LANDSCAPE)

    def path(self) -> "NDArray[np.float64]":
        """The positions of a problem whose every step's is recorded, (steps + 1, components), from the start."""
        import numpy as np

        evaluations, steps = self.read(EVALUATIONS), self.read(STEPS)
        names = [name for name in steps.columns if COORDINATE.fullmatch(name)]
        start, positions = (np.stack([table.column(name) for name in names], axis=1) for table in (evaluations, steps))
        return np.concatenate([start[:1], positions])

    def committed(self) -> Position:
        """The position up to which readers are shown the tables of a run that has not ended; its end while it ends."""
        try:
            position: Position = json.loads((self.files / COMMITTED).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return self.position() if (self.files / METRICS).exists() else {}
        return position


def run_folders(folders: Iterable[Path]) -> list[Path]:
    """The folders of all run records at or below some folders, sorted."""
    return folders_with(HEADER, folders)
