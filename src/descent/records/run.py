"""The run record: the files in a run's own folder, which are the truth of the run.

    run.json         who the run is: id, key, name, params, tags, inputs; written once, at the start
    config.yaml      its resolved configuration
    steps.csv        a row for every step
    evaluations.csv  a row for every evaluation
    trajectory.f32      positions a network visited, all its parameters in float32 each; gone once its picture is drawn
    committed.json   up to which byte of each table a checkpoint covers the run; gone once it has ended
    metrics.json     the final metrics
    result.json      how it ended; written last, so that its presence says that the record is whole
    traceback.txt    the fault that stopped it, if one did; the run can be resumed, and then this is gone

Beside them stand the run's artifacts: pictures and the checkpoint.
"""

import csv
import io
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

HEADER = "run.json"
STEPS = "steps.csv"
EVALUATIONS = "evaluations.csv"
TRAJECTORY = "trajectory.f32"
COMMITTED = "committed.json"
FAULT = "traceback.txt"
APPENDED = (".csv", ".f32")
SWEEP_OF = "descent.sweep"
"""The tag of a run that is the id of the sweep it is a job of."""

Result = Literal["converged", "finished", "diverged"]
Position = dict[str, int]
"""The length in bytes of each appended file, by its name."""


def now() -> int:
    """The time, in milliseconds since the epoch, as MLflow counts it."""
    return time.time_ns() // 1_000_000


def write_whole(path: Path, text: str) -> None:
    """Write a text so that a reader sees the old file or the new one, never half of it."""
    aside = path.with_name(path.name + ".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


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


class RunRecord:
    """A run record on disk, appended to by the run and read by whoever shows it."""

    def __init__(self, folder: Path) -> None:
        """Open a record that is there; FileNotFoundError where there is none."""
        self.folder = folder
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        header["inputs"] = [Input(**source) for source in header["inputs"]]
        self.header = Header(**header)
        self._files: dict[str, io.BufferedWriter] = {}

    @classmethod
    def create(cls, folder: Path, header: Header, config: str) -> Self:
        """Start a record in a folder of its own; `config` is the resolved configuration as YAML."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        write_whole(folder / HEADER, json.dumps(asdict(header), indent=2, ensure_ascii=False) + "\n")
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
            self._files[name] = (self.folder / name).open("ab")
        self._files[name].write(data)

    def append(self, table: str, rows: Sequence[Mapping[str, float | None]]) -> None:
        """Append rows with the same keys, `step` and `timestamp` among them, to a table."""
        if not rows:
            return
        lines = [",".join("" if value is None else repr(value) for value in row.values()) for row in rows]
        if table not in self._files and not (self.folder / table).exists():
            lines.insert(0, ",".join(rows[0]))
        self.append_bytes(table, "".join(f"{line}\n" for line in lines).encode())

    def position(self) -> Position:
        """How long each appended file is, all that was appended written out."""
        for file in self._files.values():
            file.flush()
        return {path.name: path.stat().st_size for path in sorted(self.folder.iterdir()) if path.suffix in APPENDED}

    def commit(self, position: Position) -> None:
        """Let readers see the tables up to here: a checkpoint that resumes the run from here is on disk."""
        write_whole(self.folder / COMMITTED, json.dumps(position))

    def rewind(self, position: Position) -> None:
        """Forget whatever was appended after a position, and the fault that stopped the run there."""
        self.close()
        (self.folder / FAULT).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.suffix in APPENDED:
                if path.name in position:
                    os.truncate(path, position[path.name])
                else:
                    path.unlink()

    def fail(self, trace: str) -> None:
        """Write down the fault that stopped the run."""
        self.close()
        write_whole(self.folder / FAULT, trace)

    def finish(self, result: Result, step: int, metrics: Mapping[str, float]) -> None:
        """Close the record: its last word."""
        self.close()
        write_whole(self.folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
        (self.folder / COMMITTED).unlink(missing_ok=True)
        write_whole(self.folder / "result.json", json.dumps(asdict(Termination(result, step, now())), indent=2) + "\n")

    # What others read

    def ending(self) -> Termination | None:
        """How the run ended, or None while it has not."""
        path = self.folder / "result.json"
        return Termination(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def failed(self) -> bool:
        """Whether a fault stopped the run, and it has not been taken up again."""
        return (self.folder / FAULT).exists()

    def metrics(self) -> dict[str, float]:
        """The final metrics of a run that has ended."""
        metrics: dict[str, float] = json.loads((self.folder / "metrics.json").read_text(encoding="utf-8"))
        return metrics

    def read(self, table: str) -> Table:
        """The rows that are certain: all of an ended run, else those that its last checkpoint covers."""
        # What is certain is asked first: the run goes on writing, and may end, while its table is read.
        certain = None if self.ending() else self._committed().get(table, 0)
        path = self.folder / table
        if not path.exists():
            return Table([], [])
        lines = csv.reader(io.StringIO(path.read_bytes()[:certain].decode()))
        columns = next(lines, [])
        return Table(columns, [[float(value) if value else None for value in line] for line in lines])

    def _committed(self) -> Position:
        try:
            position: Position = json.loads((self.folder / COMMITTED).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return position


def records(folders: Iterable[Path]) -> list[Path]:
    """The folders that hold a run record, at or below the given ones, in order of their names."""
    return sorted({path.parent for folder in folders for path in folder.rglob(HEADER)})
