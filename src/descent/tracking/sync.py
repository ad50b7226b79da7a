"""Syncs a run record to MLflow: all that is committed and not in MLflow yet."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from descent.errors import UserError
from descent.records.folder import VIEWS
from descent.records.header import Termination
from descent.records.label import compared_params, number, run_name
from descent.records.locks import file_lock, is_locked
from descent.records.run import (
    COMMITTED,
    EVALUATIONS,
    FAULT,
    HEADER,
    OVERRIDES,
    RESULT,
    STEPS,
    SWEEP_OF,
    TEMPORARY,
    RunRecord,
)
from descent.records.tables import Table
from descent.tracking.description import description_of_run
from descent.tracking.saved_view import SINGLE_TAG, save_view_of_single_runs
from descent.tracking.store import as_user_errors, connect, experiment_id
from descent.tracking.thinning import rows_to_log

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

MAX_POINTS = 1000
"""The most points of a metric, by default."""

RECORD_TAG, SYNCED_TAG, VIEWS_TAG, RESULT_TAG = "descent.record", "descent.synced", "descent.views", "descent.result"
NOT_ARTIFACTS = (".f32", ".new")
MAX_PARAM_LENGTH, MAX_TAG_LENGTH = 6000, 8000
PARAMS_A_BATCH, METRICS_A_BATCH = 100, 1000


@dataclass(frozen=True)
class SyncResult:
    """The change that a sync made to a run in MLflow, and the run's id there."""

    change: Literal["new", "updated", "unchanged"]
    run_id: str


def sync(folder: Path, uri: str, max_points: int = MAX_POINTS) -> SyncResult:
    """Sync the committed part of a run record to its MLflow run; idempotent."""
    record = RunRecord(folder)
    client = connect(uri)
    # Without the lock, two syncs of a new record at once would create two runs.
    with file_lock(record.files / HEADER), as_user_errors(uri):
        experiment = experiment_id(client, record.header.problem)
        run = find_run(client, record.header.id, experiment)
        if run is not None:
            changed = _update(client, run, record, max_points)
            return SyncResult("updated" if changed else "unchanged", run.info.run_id)
        run = _create(client, experiment, record)
        _update(client, run, record, max_points)
        return SyncResult("new", run.info.run_id)


def find_run(client: "MlflowClient", record: str, experiment: str | None = None) -> "Run | None":
    """The MLflow run of a record, in an experiment or in all of them."""
    experiments = [experiment] if experiment else [match.experiment_id for match in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.`{RECORD_TAG}` = '{record}'", max_results=1)
    return runs[0] if runs else None


def _create(client: "MlflowClient", experiment: str, record: RunRecord) -> "Run":
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

    header = record.header
    tags = {**header.tags, RECORD_TAG: header.id, "descent.key": header.key}
    sweep_id = header.tags.get(SWEEP_OF)
    # In the run's own experiment, unless the sweep has several: looking through all of them takes longer.
    if sweep_id:
        sweep = find_run(client, sweep_id, experiment) or find_run(client, sweep_id)
        tags |= {MLFLOW_PARENT_RUN_ID: sweep.info.run_id} if sweep else {}
    else:
        tags[SINGLE_TAG] = "true"
    tags[MLFLOW_RUN_NOTE] = description_of_run(record)
    return client.create_run(
        experiment, start_time=header.created, tags=shortened_tags(tags), run_name=run_name(header)
    )


def _update(client: "MlflowClient", run: "Run", record: RunRecord, max_points: int) -> bool:
    """Update the MLflow run of a record; return whether anything was new."""
    before, run_id = run.info.status, run.info.run_id
    if before == "FINISHED":  # only views may have changed
        return log_views(client, run, record.views)
    # The result is read before the tables, so that the tables of an ended run are complete.
    ending = record.ending()
    status = "FINISHED" if ending else _status(record)
    if status == "RUNNING" != before:
        client.update_run(run_id, status=status)
    if SYNCED_TAG not in run.data.tags:
        _describe(client, run_id, record)
    # max_points stays as it was in the first sync: other rows would be chosen, and added to the first ones.
    synced: dict[str, int] = json.loads(run.data.tags.get(SYNCED_TAG, json.dumps({"max_points": max_points})))
    has_new_rows = _log_tables(client, run_id, record, synced, ending is not None)
    if ending:
        _end(client, run, record, ending)
        return True
    if status == "FAILED":
        client.set_tag(run_id, RESULT_TAG, "failed")
        client.log_artifact(run_id, str(record.files / FAULT))
        client.set_terminated(run_id, status, _time_of(record.files / FAULT))
    elif RESULT_TAG in run.data.tags:
        client.delete_tag(run_id, RESULT_TAG)
    if status == "KILLED" != before:
        committed = record.files / COMMITTED
        client.set_terminated(run_id, status, _time_of(committed) if committed.exists() else record.header.created)
    return has_new_rows or status != before


def _status(record: RunRecord) -> str:
    """MLflow's status of a run that has not ended: KILLED if no process trains it."""
    if record.failed():
        return "FAILED"
    if is_locked(record.folder):
        return "RUNNING"
    # It may have ended, or be resumed, since it was looked at: the next sync tells.
    has_changed = not record.files.exists() or (record.files / RESULT).exists()
    return "RUNNING" if has_changed else "KILLED"


def _time_of(path: Path) -> int:
    """When a file was written, in milliseconds since the epoch."""
    return int(path.stat().st_mtime * 1000)


def _describe(client: "MlflowClient", run_id: str, record: RunRecord) -> None:
    """Log the parameters and the data files."""
    from mlflow.entities import Dataset, DatasetInput

    header = record.header
    log_params(client, run_id, compared_params(header.params, header.tags.get(OVERRIDES, "")), header.created)
    client.log_inputs(
        run_id,
        [
            DatasetInput(Dataset(file.name, file.digest, "local", json.dumps({"uri": file.path})))
            for file in header.inputs
        ],
    )


def log_params(client: "MlflowClient", run_id: str, params: Mapping[str, str], when: int) -> None:
    """Log parameters in batches, and those that are numbers as metrics too, since MLflow compares only these by size.

    A value that is too long for MLflow is replaced by a reference to config.yaml.
    """
    from mlflow.entities import Metric, Param

    shortened = [Param(key, _shortened(value, MAX_PARAM_LENGTH, "config.yaml")) for key, value in params.items()]
    for start in range(0, len(shortened), PARAMS_A_BATCH):
        some = shortened[start : start + PARAMS_A_BATCH]
        numbers = [Metric(param.key, value, when, 0) for param in some if (value := number(param.value)) is not None]
        client.log_batch(run_id, numbers, some)


def shortened_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags; a value that is too long for MLflow is replaced by a reference to run.json."""
    return {key: _shortened(value, MAX_TAG_LENGTH, HEADER) for key, value in tags.items()}


def _log_tables(client: "MlflowClient", run_id: str, record: RunRecord, synced: dict[str, int], ended: bool) -> bool:
    """Log the new rows of both tables, and store their lengths in a tag; return whether there were any."""
    lengths: dict[str, int] = {}
    metrics: list[Metric] = []
    logged_keys: set[str] = set()  # a position is in both tables, and only that of the steps is logged
    for name in (STEPS, EVALUATIONS):
        file = record.table(name)
        before, planned, length = synced.get(name, 0), record.header.rows[name], file.count()
        if ended and not length:
            raise UserError(f"{file.path} has no rows; restore it, or remove the run and train it again")
        # While a run is ending, its table is empty for a moment.
        lengths[name] = max(before, length)
        logged_rows = set(rows_to_log(before, planned, synced["max_points"], ended=False))
        rows = rows_to_log(length, planned, synced["max_points"], ended)
        table = file.read([row for row in rows if row not in logged_rows])
        metrics += _metrics(table, logged_keys)
        logged_keys |= set(table.columns)
    for start in range(0, len(metrics), METRICS_A_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS_A_BATCH])
    updated = {**synced, **lengths}
    # If the sync dies before this line, the next one logs the same points again, and MLflow keeps one of each.
    if updated != synced:
        client.set_tag(run_id, SYNCED_TAG, json.dumps(updated))
    return updated != synced


def _metrics(table: Table, skipped_keys: set[str]) -> "Iterator[Metric]":
    """The metrics of a table, without some keys."""
    from mlflow.entities import Metric

    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        step, timestamp = cells.pop("step"), cells.pop("timestamp")
        for key, value in cells.items():
            if key not in skipped_keys and value is not None and step is not None and timestamp is not None:
                yield Metric(key, value, int(timestamp), int(step))


def _end(client: "MlflowClient", run: "Run", record: RunRecord, ending: Termination) -> None:
    """Log the final metrics, the files and the views of an ended run, and then set its status to FINISHED."""
    from mlflow.entities import Metric, RunTag
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

    run_id = run.info.run_id
    evaluated = _evaluated(record.read(EVALUATIONS), ending.step)
    final = {key: value for key, value in record.metrics().items() if key not in evaluated}
    metrics = [Metric(key, value, ending.ended, ending.step) for key, value in final.items()]
    tags = shortened_tags({RESULT_TAG: ending.result, MLFLOW_RUN_NOTE: description_of_run(record)})
    client.log_batch(run_id, metrics, tags=[RunTag(*tag) for tag in tags.items()])
    for path in artifact_files(record.files):
        client.log_artifact(run_id, str(path), path.parent.relative_to(record.folder).as_posix())
    log_views(client, run, record.views)
    if SINGLE_TAG in run.data.tags:
        columns = {*record.table(STEPS).columns(), *record.table(EVALUATIONS).columns(), *final}
        save_view_of_single_runs(client, run.info.experiment_id, record.header, columns)
    client.set_terminated(run_id, "FINISHED", ending.ended)


def _evaluated(table: Table, step: int) -> set[str]:
    """The metrics of the last evaluation, if it was at this step, which are logged already."""
    if not table.rows:
        return set()
    cells = dict(zip(table.columns, table.rows[-1], strict=True))
    return {key for key, value in cells.items() if value is not None} if cells["step"] == step else set()


def artifact_files(folder: Path) -> list[Path]:
    """The files below a folder that are artifacts, sorted; none that its run removes, and none that is hidden.

    Raises:
        UserError: for a link to a file elsewhere, which a stranger may have made.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in NOT_ARTIFACTS]
    paths = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    for path in paths:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"{path} is a link to a file elsewhere, which is not uploaded; put a copy of it there")
    return [path for path in paths if path.name not in TEMPORARY]


def log_views(client: "MlflowClient", run: "Run", views: Path) -> bool:
    """Log the views that are new or have changed; return whether there were any.

    Pictures are also logged as images, which MLflow's grid compares; it keeps every version.
    """
    run_id = run.info.run_id
    logged = _logged_views(run.data.tags)
    changed = list(new_views(run.data.tags, views))
    for path, digest in changed:
        client.log_artifact(run_id, str(path), VIEWS)
        if path.suffix == ".png":
            _log_image(client, run_id, path, digest)
        logged[path.name] = digest
    if changed:
        client.set_tag(run_id, VIEWS_TAG, json.dumps(logged))
    return bool(changed)


def new_views(tags: Mapping[str, str], views: Path) -> Iterator[tuple[Path, str]]:
    """The views, with their digests, that an MLflow run lacks or has in another version, by its tags."""
    logged = _logged_views(tags)
    for path in artifact_files(views):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if logged.get(path.name) != digest:
            yield path, digest


def _logged_views(tags: Mapping[str, str]) -> dict[str, str]:
    """The digests of the views in MLflow by their names."""
    logged: dict[str, str | list[str]] = json.loads(tags.get(VIEWS_TAG, "{}"))
    # An earlier version of Descent wrote a list: the digest, and a number.
    return {name: digest if isinstance(digest, str) else digest[0] for name, digest in logged.items()}


def _log_image(client: "MlflowClient", run_id: str, picture: Path, digest: str) -> None:
    """Log a picture as an image of its own name.

    MLflow's `log_image` makes a new name at each call. Here a picture has one name, so that a sync that comes after one
    that died replaces what that one has logged, perhaps half of it.
    """
    from mlflow.tracking.multimedia import compress_image_size
    from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_IMAGES
    from PIL import Image

    name = f"{picture.stem}+step+0+timestamp+{_time_of(picture)}+{UUID(digest[:32])}"
    with TemporaryDirectory() as folder:
        with Image.open(picture, formats=["PNG"]) as image:  # for an EPS file, Pillow would start Ghostscript
            compress_image_size(image).save(Path(folder, f"{name}+compressed.webp"))
        shutil.copyfile(picture, Path(folder, f"{name}.png"))
        client.log_artifacts(run_id, folder, "images")
    client.set_tag(run_id, MLFLOW_LOGGED_IMAGES, True)


def _shortened(value: str, max_length: int, file: str) -> str:
    """A value, or a reference to the file that holds it if it is longer than MLflow allows."""
    return value if len(value) <= max_length else f"({len(value):,} characters, see {file})"
