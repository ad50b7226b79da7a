"""Run records for tests, and the content of a SQLite store."""

import hashlib
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from descent.records.header import Header, Input
from descent.records.run import EVALUATIONS, STEPS, Landscape, RunRecord

CREATED = 1_700_000_000_000
LEFTOVER = ".artifact.uploading."
"""The beginning of the name of a file that MLflow leaves where it is killed."""
RUN_ID = re.compile(r"\b[0-9a-f]{32}\b")
HELD = (
    "select run_uuid, name, status, start_time, end_time, lifecycle_stage, experiment_id from runs",
    "select run_uuid, key, value from params",
    "select run_uuid, key, value from tags",
    "select run_uuid, key, step, timestamp, value, is_nan from metrics",
    "select run_uuid, key, step, timestamp, value, is_nan from latest_metrics",
    "select destination_id, name, digest, dataset_source from inputs join datasets on source_id = dataset_uuid",
    "select experiment_id, key, value from experiment_tags",
)
"""Queries for the runs in a store, without the times of the syncs."""


def start(folder: Path, planned: int, **header: object) -> RunRecord:
    """A record of a run that evaluates at its first and its last step."""
    fields: dict[str, object] = {
        "id": f"id-{folder.name}",
        "key": "0123",
        "name": folder.name,
        "problem": "x squared",
        "created": CREATED,
        "params": {f"optimizer.p{n}": str(n) for n in range(120)},
        "tags": {"git": "abc"},
        "inputs": [Input("control points", "data/source", "0" * 32)],
        "rows": {STEPS: planned, EVALUATIONS: 2},
    } | header
    return RunRecord.create(folder, Header(**fields), "lr: 0.1\n")  # type: ignore[arg-type]


def step(record: RunRecord, first: int, last: int, clock: int = CREATED) -> None:
    """Append the rows of steps from `first` to `last`, exclusive."""
    record.append(
        STEPS,
        [{"step": n, "timestamp": clock + n, "loss/step": 1 / (n + 1), "grad_norm": 1.0} for n in range(first, last)],
    )


def evaluate(record: RunRecord, at: int) -> None:
    """Append an evaluation, whose accuracy is missing."""
    record.append(
        EVALUATIONS,
        [{"step": at, "timestamp": CREATED + at, "loss/test": 1 / (at + 1), "accuracy/test": None}],
    )


def ended_record(folder: Path, planned: int = 20, **header: object) -> RunRecord:
    """The record of a run that took all of its steps."""
    with start(folder, planned, **header) as record:
        evaluate(record, 0)
        step(record, 0, planned)
        evaluate(record, planned)
        record.save_landscape(plane(planned))
        record.finish("finished", planned, {"loss/test": 1 / (planned + 1), "seconds_per_step": 0.5})
    return record


def plane(steps: int) -> Landscape:
    """The landscape of a run along a diagonal of a plane."""
    grid = np.linspace(-1, 1, 3)
    return {
        "kind": np.array("plane"),
        "first": grid,
        "second": grid,
        "heights": np.add.outer(grid**2, grid**2),
        "path": np.array([[-1.0, -1.0], [0.0, 0.0]]),
        "steps": np.array([0, steps]),
        "explained": np.array([1.0, 0.0]),
        "examples": np.array(10),
    }


def new_store(empty_store: Path, folder: Path) -> str:
    """The URI of a copy of an empty store, in a new folder."""
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    return f"sqlite:///{folder}/mlflow.db"


def rows(uri: str, query: str) -> list[tuple[object, ...]]:
    """The result of a query to a SQLite store."""
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as store:
        return store.execute(query).fetchall()


def points(uri: str, key: str = "loss/step") -> list[int]:
    """The steps of the points of a metric in a store."""
    matches = rows(uri, f"SELECT step FROM metrics WHERE key = '{key}' ORDER BY step")
    return [int(str(at)) for (at,) in matches]


def runs(uri: str) -> list[tuple[object, ...]]:
    """Name and status of each run in a store."""
    return rows(uri, "SELECT name, status FROM runs ORDER BY name")


def everything(uri: str) -> list[str]:
    """The whole content of a store, and the names of the artifacts beside it."""
    path = Path(uri.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as store:
        return [*store.iterdump(), *map(str, sorted((path.parent / "mlartifacts").rglob("*")))]


def contents(uri: str) -> list[tuple[str, ...]]:
    """The content of a SQLite store, with the ids of records instead of MLflow's run ids, which differ."""
    query = "select run_uuid, value from tags where key = 'descent.record'"
    records = {str(run): str(record) for run, record in rows(uri, query)}
    content = [row for query in HELD for row in rows(uri, query)]
    artifacts = Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts"
    for path in filter(Path.is_file, artifacts.rglob("*")):
        if path.name.startswith(LEFTOVER):
            continue
        name = re.sub(r"\+timestamp\+\d+\+[0-9a-f-]{36}", "", str(path.relative_to(artifacts)))
        content.append((name, hashlib.sha256(path.read_bytes()).hexdigest()))

    def text(cell: object) -> str:
        return RUN_ID.sub(lambda run: records.get(run[0], run[0]), str(cell))

    return sorted(tuple(map(text, row)) for row in content)
