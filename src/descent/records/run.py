"""The run record: the files in `record/` of a run's own folder, which are the truth of the run.

    run.json         who the run is: id, key, name, params, tags, inputs; written once, at the start
    config.yaml      its resolved configuration
    steps.csv        a row for every step
    evaluations.csv  a row for every evaluation
    trajectory.f32   positions a network passed, all its parameters in float32 each; gone once the run has ended
    landscape.npz    the loss around the path, which pictures of it need
    committed.json   up to which byte of each table a checkpoint covers the run; gone once it has ended
    checkpoint.ckpt  what the run is resumed from, and in the end its final state
    metrics.json     the final metrics
    result.json      how it ended; written last, so that its presence says that the record is whole
    traceback.txt    the fault that stopped it, if one did; the run can be resumed, and then this is gone

Beside it, in `views/`, stands what is drawn from it.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
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
    write_whole,
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
FAULT = "traceback.txt"
APPENDED = (".csv", ".f32")
SWEEP_OF = "descent.sweep"
"""The tag of a run that is the id of the sweep it is a job of."""

COORDINATES = ("x", "y")
"""The columns of a position, for problems small enough to be followed step by step."""

Landscape = dict[str, "NDArray[Any]"]
"""The arrays of landscape.npz, by name; `kind` says which there are (`descent.core.training.landscape`)."""
Result = Literal["converged", "finished", "diverged"]
Position = dict[str, int]
"""The length in bytes of each appended file, by its name."""


@dataclass(frozen=True)
class Input:
    """A file that the run was trained on: its path in the project and the MD5 that DVC knows it by."""

    name: str
    path: str
    digest: str


@dataclass(frozen=True)
class Header:
    """Who a run is.

    Args:
        id: what tells this run from every other, in whichever store it is.
        key: what tells what it computes (`descent.records.lineage.run_key`).
        name: the experiment's name.
        problem: the problem's name, which is the MLflow experiment's.
        created: milliseconds since the epoch.
        params: the resolved configuration, flat.
        tags: lineage and whatever else describes the run.
        inputs: the data it is trained on.
        rows: how many rows each table will have if the run goes to its end.
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
    format: int = FORMAT


@dataclass(frozen=True)
class Termination:
    """How a run ended: its result, the number of steps it took, and when (milliseconds since the epoch)."""

    result: Result
    step: int
    ended: int


@dataclass(frozen=True)
class Table:
    """Rows of a table: `step`, `timestamp`, then a column for each metric; None where a row has none."""

    columns: list[str]
    rows: list[list[float | None]]

    def column(self, name: str) -> "NDArray[np.float64]":
        """The values of a column, (rows,); nan where a row has none."""
        import numpy as np

        index = self.columns.index(name)
        return np.array([row[index] for row in self.rows], dtype=np.float64)


class RunRecord:
    """A run record on disk, appended to by the run and read by whoever shows it.

    Attributes:
        folder: the run's folder.
        files: the record's part of it.
        views: what is drawn from the record.
    """

    def __init__(self, folder: Path) -> None:
        """Open a record that is there; FileNotFoundError where there is none, UserError for another version's."""
        self.folder, self.files, self.views = folder, folder / RECORD, folder / VIEWS
        header = read_header(folder, HEADER)
        header["inputs"] = [Input(**source) for source in header["inputs"]]
        self.header = Header(**header)
        self._files: dict[str, io.BufferedWriter] = {}

    @classmethod
    def create(cls, folder: Path, header: Header, config: str) -> Self:
        """Start a record in a folder of its own; `config` is the resolved configuration as YAML."""
        files = folder / RECORD
        files.mkdir(parents=True, exist_ok=True)
        (files / CONFIG).write_text(config, encoding="utf-8")
        write_whole(files / HEADER, json.dumps(asdict(header), indent=2, ensure_ascii=False) + "\n")
        return cls(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write out what was appended, and let go of the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    # What the run writes

    def append_bytes(self, name: str, data: bytes) -> None:
        """Append to a file of the record."""
        if name not in self._files:
            self._files[name] = (self.files / name).open("ab")
        self._files[name].write(data)

    def append(self, table: str, rows: Sequence[Mapping[str, float | None]]) -> None:
        """Append rows with the same keys, `step` and `timestamp` among them, to a table."""
        if not rows:
            return
        lines = [",".join("" if value is None else repr(value) for value in row.values()) for row in rows]
        if table not in self._files and not (self.files / table).exists():
            lines.insert(0, ",".join(rows[0]))
        self.append_bytes(table, "".join(f"{line}\n" for line in lines).encode())

    def position(self) -> Position:
        """How long each appended file is, all that was appended written out."""
        for file in self._files.values():
            file.flush()
        return {path.name: path.stat().st_size for path in sorted(self.files.iterdir()) if path.suffix in APPENDED}

    def commit(self, position: Position) -> None:
        """Let readers see the tables up to here: a checkpoint that resumes the run from here is on disk."""
        write_whole(self.files / COMMITTED, json.dumps(position))

    def rewind(self, position: Position) -> None:
        """Forget whatever was appended after a position, and the fault that stopped the run there."""
        self.close()
        (self.files / FAULT).unlink(missing_ok=True)
        for path in self.files.iterdir():
            if path.suffix in APPENDED:
                if path.name in position:
                    os.truncate(path, position[path.name])
                else:
                    path.unlink()

    def save_landscape(self, landscape: Landscape) -> None:
        """Write down the loss around the path."""
        write_arrays(self.files / LANDSCAPE, landscape)

    def fail(self, trace: str) -> None:
        """Write down the fault that stopped the run."""
        self.close()
        write_whole(self.files / FAULT, trace)

    def finish(self, result: Result, step: int, metrics: Mapping[str, float]) -> None:
        """Close the record: its last word."""
        self.close()
        write_whole(self.files / "metrics.json", json.dumps(metrics, indent=2) + "\n")
        (self.files / COMMITTED).unlink(missing_ok=True)
        write_whole(self.files / RESULT, json.dumps(asdict(Termination(result, step, now())), indent=2) + "\n")

    # What others read

    def ending(self) -> Termination | None:
        """How the run ended, or None while it has not."""
        path = self.files / RESULT
        return Termination(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def failed(self) -> bool:
        """Whether a fault stopped the run, and it has not been taken up again."""
        return (self.files / FAULT).exists()

    def metrics(self) -> dict[str, float]:
        """The final metrics of a run that has ended."""
        metrics: dict[str, float] = json.loads((self.files / "metrics.json").read_text(encoding="utf-8"))
        return metrics

    def read(self, table: str) -> Table:
        """The rows that are certain: all of an ended run, else those that its last checkpoint covers."""
        # What is certain is asked first: the run goes on writing, and may end, while its table is read.
        certain = None if self.ending() else self._committed().get(table, 0)
        path = self.files / table
        if not path.exists():
            return Table([], [])
        lines = csv.reader(io.StringIO(path.read_bytes()[:certain].decode()))
        columns = next(lines, [])
        return Table(columns, [[float(value) if value else None for value in line] for line in lines])

    def landscape(self) -> Landscape:
        """The loss around the path of a run that has ended."""
        return read_arrays(self.files / LANDSCAPE)

    def path(self) -> "NDArray[np.float64]":
        """Where a small problem was, (steps + 1, components): at its start, and after every step."""
        import numpy as np

        evaluations, steps = self.read(EVALUATIONS), self.read(STEPS)
        names = [name for name in COORDINATES if name in steps.columns]
        start, positions = (np.stack([table.column(name) for name in names], axis=1) for table in (evaluations, steps))
        return np.concatenate([start[:1], positions])

    def _committed(self) -> Position:
        try:
            position: Position = json.loads((self.files / COMMITTED).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return position


def records(folders: Iterable[Path]) -> list[Path]:
    """The folders that hold a run record, at or below the given ones, in order of their names."""
    return folders_with(HEADER, folders)
