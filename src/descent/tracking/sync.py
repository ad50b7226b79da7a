"""Bringing a run record to MLflow: whatever is certain and not there yet, and nothing twice."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from descent.records.folder import VIEWS
from descent.records.locks import file_lock
from descent.records.run import EVALUATIONS, FAULT, HEADER, STEPS, SWEEP_OF, RunRecord, Table, Termination
from descent.tracking.store import as_user_errors, connect, experiment_id
from descent.tracking.thinning import chosen

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

MAX_POINTS = 1000
"""How many points of a metric a run gets at most, unless told otherwise."""

RECORD_ID, SYNCED, SHOWN, RESULT = "descent.record", "descent.synced", "descent.shown", "descent.result"
NOT_ARTIFACTS = (".f32", ".new")
LONGEST_PARAM, LONGEST_TAG = 6000, 8000
PARAMS_A_BATCH, METRICS_A_BATCH = 100, 1000


Shown = tuple[str, int]
"""A view as it is in MLflow: its digest, and how many images of it there are."""


@dataclass(frozen=True)
class Synced:
    """What a sync did to a run in MLflow, and the run's id there."""

    what: Literal["new", "updated", "unchanged"]
    run_id: str


def sync(folder: Path, uri: str, max_points: int = MAX_POINTS) -> Synced:
    """Bring what is certain of a record to its run in MLflow; again is as good as once."""
    record = RunRecord(folder)
    client = connect(uri)
    # Two syncs at once of a record that is new to the store would make two runs of it.
    with file_lock(record.files / HEADER), as_user_errors(uri):
        experiment = experiment_id(client, record.header.problem)
        run = find(client, record.header.id, experiment)
        if run is not None:
            return Synced("updated" if _bring(client, run, record, max_points) else "unchanged", run.info.run_id)
        run = _create(client, experiment, record)
        _bring(client, run, record, max_points)
        return Synced("new", run.info.run_id)


def find(client: "MlflowClient", record: str, experiment: str | None = None) -> "Run | None":
    """The run of a record in MLflow, looked for in an experiment or in all."""
    where = [experiment] if experiment else [one.experiment_id for one in client.search_experiments()]
    found = client.search_runs(where, f"tags.`{RECORD_ID}` = '{record}'", max_results=1)
    return found[0] if found else None


def _create(client: "MlflowClient", experiment: str, record: RunRecord) -> "Run":
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    header = record.header
    tags = {**header.tags, RECORD_ID: header.id, "descent.key": header.key}
    sweep = find(client, header.tags[SWEEP_OF]) if SWEEP_OF in header.tags else None
    if sweep is not None:
        tags[MLFLOW_PARENT_RUN_ID] = sweep.info.run_id
    return client.create_run(
        experiment,
        start_time=header.created,
        tags=fitting_tags(tags),
        run_name=header.name,
    )


def _bring(client: "MlflowClient", run: "Run", record: RunRecord, max_points: int) -> bool:
    """Bring the record to its run; False where there was nothing to bring."""
    status, run_id = run.info.status, run.info.run_id
    if status == "FINISHED":  # only how it is drawn may have changed
        return bring_views(client, run, record.views)
    # How the run stands is asked before its tables are read: what follows then is in them for sure.
    ending, failed = record.ending(), record.failed()
    if status == "FAILED" and not failed:
        client.update_run(run_id, status="RUNNING")
    if SYNCED not in run.data.tags:
        _describe(client, run_id, record)
    # The number of points stays what it was when the run was new, or there would be more of them.
    synced: dict[str, int] = json.loads(run.data.tags.get(SYNCED, json.dumps({"max_points": max_points})))
    grown = _bring_tables(client, run_id, record, synced, ending is not None)
    if ending:
        _end(client, run, record, ending)
    elif failed:
        client.set_tag(run_id, RESULT, "failed")
        client.log_artifact(run_id, str(record.files / FAULT))
        client.set_terminated(run_id, "FAILED", int((record.files / FAULT).stat().st_mtime * 1000))
    elif RESULT in run.data.tags:
        client.delete_tag(run_id, RESULT)
    return grown or ending is not None or failed != (status == "FAILED")


def _describe(client: "MlflowClient", run_id: str, record: RunRecord) -> None:
    from mlflow.entities import Dataset, DatasetInput

    log_params(client, run_id, record.header.params)
    client.log_inputs(
        run_id,
        [
            DatasetInput(Dataset(source.name, source.digest, "local", json.dumps({"uri": source.path})))
            for source in record.header.inputs
        ],
    )


def log_params(client: "MlflowClient", run_id: str, params: Mapping[str, str]) -> None:
    """Log parameters, as many at once as MLflow takes, each whole or as a word on where it is."""
    from mlflow.entities import Param

    fitting = [Param(key, _fitting(value, LONGEST_PARAM, "config.yaml")) for key, value in params.items()]
    for start in range(0, len(fitting), PARAMS_A_BATCH):
        client.log_batch(run_id, params=fitting[start : start + PARAMS_A_BATCH])


def fitting_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags, each whole or as a word on where it is."""
    return {key: _fitting(value, LONGEST_TAG, HEADER) for key, value in tags.items()}


def _bring_tables(client: "MlflowClient", run_id: str, record: RunRecord, synced: dict[str, int], ended: bool) -> bool:
    """Bring the rows that are new, and note how many are there now; False if there are none."""
    lengths: dict[str, int] = {}
    metrics: list[Metric] = []
    brought: set[str] = set()  # a position stands in both tables, and its points are the steps'
    for name in (STEPS, EVALUATIONS):
        table = record.read(name)
        before, planned = synced.get(name, 0), record.header.rows[name]
        # A run that is just ending shows no rows for a moment; those it showed stay brought.
        lengths[name] = max(before, len(table.rows))
        there = set(chosen(before, planned, synced["max_points"], ended=False))
        wanted = chosen(len(table.rows), planned, synced["max_points"], ended)
        metrics += _metrics(table, [row for row in wanted if row not in there], brought)
        brought |= set(table.columns)
    for start in range(0, len(metrics), METRICS_A_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS_A_BATCH])
    now = {**synced, **lengths}
    # A sync that dies before this line brings the same points again, and MLflow keeps one of each.
    if now != synced:
        client.set_tag(run_id, SYNCED, json.dumps(now))
    return now != synced


def _metrics(table: Table, rows: list[int], skipped: set[str]) -> "Iterator[Metric]":
    from mlflow.entities import Metric

    for row in rows:
        cells = dict(zip(table.columns, table.rows[row], strict=True))
        step, timestamp = cells.pop("step"), cells.pop("timestamp")
        for key, value in cells.items():
            if key not in skipped and value is not None and step is not None and timestamp is not None:
                yield Metric(key, value, int(timestamp), int(step))


def _end(client: "MlflowClient", run: "Run", record: RunRecord, ending: Termination) -> None:
    """Bring what an ended run leaves behind; FINISHED comes last, since no sync looks behind it."""
    from mlflow.entities import Metric

    run_id = run.info.run_id
    evaluated = _evaluated(record.read(EVALUATIONS), ending.step)
    final = {key: value for key, value in record.metrics().items() if key not in evaluated}
    client.log_batch(run_id, [Metric(key, value, ending.ended, ending.step) for key, value in final.items()])
    for path in files_in(record.files):
        client.log_artifact(run_id, str(path), path.parent.relative_to(record.folder).as_posix())
    bring_views(client, run, record.views)
    client.set_tag(run_id, RESULT, ending.result)
    client.set_terminated(run_id, "FINISHED", ending.ended)


def _evaluated(table: Table, step: int) -> set[str]:
    """The metrics that the last evaluation, if it was at this step, has told already."""
    if not table.rows:
        return set()
    cells = dict(zip(table.columns, table.rows[-1], strict=True))
    return {key for key, value in cells.items() if value is not None} if cells["step"] == step else set()


def files_in(folder: Path) -> list[Path]:
    """The files below a folder that are artifacts, in order of their names."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in NOT_ARTIFACTS]


def bring_views(client: "MlflowClient", run: "Run", views: Path) -> bool:
    """Bring the views that are new or drawn anew; False where there are none.

    Pictures also go among the images that MLflow's grid compares, those of one step; it keeps every copy.
    """
    run_id = run.info.run_id
    shown = _shown(run.data.tags)
    is_changed = False
    for path, digest in new_views(run.data.tags, views):
        client.log_artifact(run_id, str(path), VIEWS)
        is_picture = path.suffix == ".png"
        images = _show(client, run_id, path, shown.get(path.name, ("", 0))[1]) if is_picture else 0
        shown[path.name] = digest, images
        client.set_tag(run_id, SHOWN, json.dumps(shown))
        is_changed = True
    return is_changed


def new_views(tags: Mapping[str, str], views: Path) -> Iterator[tuple[Path, str]]:
    """The views, with their digests, that a run in MLflow lacks or has otherwise, as its tags have it."""
    shown = _shown(tags)
    for path in files_in(views):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if path.name not in shown or shown[path.name][0] != digest:
            yield path, digest


def _shown(tags: Mapping[str, str]) -> dict[str, Shown]:
    shown: dict[str, Shown] = json.loads(tags.get(SHOWN, "{}"))
    return shown


def _show(client: "MlflowClient", run_id: str, picture: Path, before: int) -> int:
    """Put a picture among the images, of which it had a number before; the number then.

    A sync that died after it put the picture there left one image more than it noted.
    """
    from PIL import Image

    images = [Path(artifact.path).name for artifact in client.list_artifacts(run_id, "images")]
    if sum(name.startswith(f"{picture.stem}+") and name.endswith(".png") for name in images) == before:
        with Image.open(picture) as image:
            client.log_image(run_id, image, key=picture.stem, step=0)
    return before + 1


def _fitting(value: str, longest: int, where: str) -> str:
    """A value that MLflow takes whole, or else where to find it: MLflow would cut it without a word."""
    return value if len(value) <= longest else f"({len(value):,} characters, see {where})"
