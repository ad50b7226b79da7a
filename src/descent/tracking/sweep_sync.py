"""Bringing a sweep record to MLflow: a parent run, with the runs of its jobs as its children."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from descent.records.folder import RECORD
from descent.records.locks import file_lock
from descent.records.sweep import BEST, RUNS, SWEEP, State, SweepRecord
from descent.tracking.saved_view import SAVED_VIEW, page, view
from descent.tracking.store import as_user_errors, connect, experiment_id
from descent.tracking.sync import RECORD_ID, RESULT, Synced, bring_views, files_in, find, fitting_tags, log_params, sync

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

STOOD = "descent.stood"
TABLE = "runs.json"


def sync_sweep(folder: Path, uri: str) -> Synced:
    """Bring how a sweep stands to its run in MLflow, and the runs of its jobs under it; again is as good as once."""
    sweep = SweepRecord(folder)
    client = connect(uri)
    with file_lock(sweep.files / SWEEP), as_user_errors(uri):
        experiment = experiment_id(client, sweep.header.problem)
        run = find(client, sweep.header.id, experiment)
        is_new = run is None
        if run is None:
            run = client.create_run(
                experiment,
                start_time=sweep.header.created,
                tags=fitting_tags({**sweep.header.tags, RECORD_ID: sweep.header.id}),
                run_name=sweep.header.name,
            )
        changed = _bring(client, run, sweep)
        return Synced("new" if is_new else "updated" if changed else "unchanged", run.info.run_id)


def sync_record(folder: Path, uri: str, max_points: int) -> Synced:
    """Bring the record in a folder, be it of a run or of a sweep."""
    return sync_sweep(folder, uri) if (folder / RECORD / SWEEP).exists() else sync(folder, uri, max_points)


def _bring(client: "MlflowClient", run: "Run", sweep: SweepRecord) -> bool:
    """Bring the sweep to its run; False where there was nothing to bring."""
    run_id, state = run.info.run_id, sweep.state()
    if is_brought(run.data.tags, sweep):  # only how it is drawn may have changed
        return state.status != "RUNNING" and bring_views(client, run, sweep.views)
    if STOOD not in run.data.tags:
        log_params(client, run_id, sweep.header.params)
    children = _adopt(client, run_id, sweep)
    if state.status == "RUNNING":
        client.update_run(run_id, status="RUNNING")
    else:
        _close(client, run, sweep, state, children)
    # Fewer than are recorded, where the background sync has yet to bring some: then this is done again.
    client.set_tag(run_id, STOOD, _stood(state, len(children)))
    return True


def is_brought(tags: Mapping[str, str], sweep: SweepRecord) -> bool:
    """Whether a sweep's run in MLflow has it as it stands, but for its views, as the tags of that run have it."""
    return tags.get(STOOD) == _stood(sweep.state(), len(_records(sweep)))


def _stood(state: State, runs: int) -> str:
    return f"{state.status} {state.when} {runs} runs"


def _records(sweep: SweepRecord) -> list[str]:
    """The records of the jobs' runs, as far as those were begun."""
    return sorted({job.record for job in sweep.jobs() if job.record is not None})


def _adopt(client: "MlflowClient", run_id: str, sweep: SweepRecord) -> "dict[str, Run]":
    """Put the jobs' runs under the sweep's, but for those that are under another's already.

    Returns:
        From the records of those that are in MLflow to their runs there.
    """
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    found: dict[str, Run] = {}
    for record in _records(sweep):
        child = find(client, record)
        if child is not None:
            found[record] = child
            if MLFLOW_PARENT_RUN_ID not in child.data.tags:
                client.set_tag(child.info.run_id, MLFLOW_PARENT_RUN_ID, run_id)
    return found


def _close(client: "MlflowClient", run: "Run", sweep: SweepRecord, state: State, children: "dict[str, Run]") -> None:
    """Bring the numbers, the table and the pictures of a sweep that has come to an end, for now."""
    from mlflow.entities import Metric

    run_id = run.info.run_id
    client.log_batch(run_id, [Metric(key, value, state.when, 0) for key, value in state.metrics.items()])
    if state.best is not None and state.best_record is not None:
        client.set_tag(run_id, "descent.best", state.best)
        best = children.get(state.best_record) or find(client, state.best_record)
        if best is not None:
            client.set_tag(run_id, "descent.best_run_id", best.info.run_id)
    for path in files_in(sweep.files):
        client.log_artifact(run_id, str(path), path.parent.relative_to(sweep.folder).as_posix())
    if (sweep.views / RUNS).exists():
        _log_table(client, run_id, sweep.views / RUNS)
    bring_views(client, run, sweep.views)
    if children:
        _save_view(client, run, sweep, state, children)
    client.set_tag(run_id, RESULT, state.status.lower())
    client.set_terminated(run_id, state.status, state.when)


def _save_view(
    client: "MlflowClient", run: "Run", sweep: SweepRecord, state: State, children: "dict[str, Run]"
) -> None:
    """Save how the runs are best looked at, and tell of it in the sweep's description."""
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

    metrics = {metric for child in children.values() for metric in child.data.metrics}
    best = [name.removeprefix(BEST) for name in state.metrics if name.startswith(BEST)]
    saved = view(sweep.header.name, state.when, run.info.run_id, sweep.swept, metrics, *(best or ["loss/train"]))
    experiment, key = run.info.experiment_id, sweep.header.id[:16]
    client.set_experiment_tag(experiment, SAVED_VIEW + key, saved)
    address = page(experiment, key)
    note = f"Its runs: [table]({address}), [curves and pictures]({address}&compareRunsMode=CHART)"
    client.set_tag(run.info.run_id, MLFLOW_RUN_NOTE, note)


def _log_table(client: "MlflowClient", run_id: str, path: Path) -> None:
    """The table as MLflow's own, which its UI shows; `log_table` would add the rows to those of an earlier time."""
    from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

    with path.open(newline="", encoding="utf-8") as file:
        columns, *data = csv.reader(file)
    # The UI leaves a column empty that has a dot in its name.
    short = [name.rpartition(".")[2] for name in columns]
    names = short if len(set(short)) == len(short) else [name.replace(".", "_") for name in columns]
    client.log_text(run_id, json.dumps({"columns": names, "data": data}), TABLE)
    client.set_tag(run_id, MLFLOW_LOGGED_ARTIFACTS, json.dumps([{"path": TABLE, "type": "table"}]))
