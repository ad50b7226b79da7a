"""Syncs a sweep record to MLflow: a parent run, whose children are the runs of its jobs."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from descent.records.criterion import TRAIN_LOSS, Criterion
from descent.records.folder import RECORD
from descent.records.label import compared_params
from descent.records.locks import file_lock, is_locked
from descent.records.run import BEST, OVERRIDES, SWEEP_OF
from descent.records.sweep import GROUPS, RANKS, RUNS, SENSITIVITY, SWEEP, SweepRecord, SweepState
from descent.tracking.description import as_text
from descent.tracking.saved_view import VIEW_TAG, view_address, view_tag_value
from descent.tracking.store import as_user_errors, connect, experiment_id
from descent.tracking.sync import (
    RECORD_TAG,
    RESULT_TAG,
    SyncResult,
    artifact_files,
    find_run,
    log_params,
    log_views,
    shortened_tags,
    sync,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

STATE_TAG = "descent.state"
"""The tag that holds the state of the sweep that was synced last."""


def sync_sweep(folder: Path, uri: str) -> SyncResult:
    """Sync the state of a sweep to its MLflow run, and make the runs of its jobs its children; idempotent."""
    sweep = SweepRecord(folder)
    client = connect(uri)
    with file_lock(sweep.files / SWEEP), as_user_errors(uri):
        experiment = experiment_id(client, sweep.header.problem)
        run = find_run(client, sweep.header.id, experiment)
        is_new = run is None
        if run is None:
            run = client.create_run(
                experiment,
                start_time=sweep.header.created,
                tags=shortened_tags({**sweep.header.tags, RECORD_TAG: sweep.header.id, **_parent(client, sweep)}),
                run_name=sweep.header.name,
            )
        changed = _update(client, run, sweep)
        return SyncResult("new" if is_new else "updated" if changed else "unchanged", run.info.run_id)


def sync_record(folder: Path, uri: str, max_points: int) -> SyncResult:
    """Sync the record of a run or of a sweep."""
    return sync_sweep(folder, uri) if (folder / RECORD / SWEEP).exists() else sync(folder, uri, max_points)


def _parent(client: "MlflowClient", sweep: SweepRecord) -> dict[str, str]:
    """The tag of the run above that of a sweep, if the sweep is of a benchmark."""
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    benchmark = sweep.header.tags.get(SWEEP_OF)
    parent = find_run(client, benchmark) if benchmark else None
    return {} if parent is None else {MLFLOW_PARENT_RUN_ID: parent.info.run_id}


def _update(client: "MlflowClient", run: "Run", sweep: SweepRecord) -> bool:
    """Update the MLflow run of a sweep; return whether anything was new."""
    run_id, state = run.info.run_id, _state(sweep)
    if is_logged(run.data.tags, sweep):  # only views may have changed
        return state.status != "RUNNING" and log_views(client, run, sweep.views)
    if STATE_TAG not in run.data.tags:
        header = sweep.header
        log_params(client, run_id, compared_params(header.params, header.tags.get(OVERRIDES, "")), header.created)
    children = _adopt_children(client, run_id, sweep)
    if state.status == "RUNNING":
        client.update_run(run_id, status="RUNNING")
    else:
        _close(client, run, sweep, state, children)
    # If the background sync has yet to create some of the runs, the number differs, and the next sync continues.
    client.set_tag(run_id, STATE_TAG, _state_tag_value(state, len(children)))
    return True


def is_logged(tags: Mapping[str, str], sweep: SweepRecord) -> bool:
    """Whether a sweep's MLflow run has the sweep's state, by its tags; its views may differ."""
    return tags.get(STATE_TAG) == _state_tag_value(_state(sweep), len(_records(sweep)))


def _state(sweep: SweepRecord) -> SweepState:
    """The state of a sweep; it is KILLED if it was running, and no process runs it."""
    state = sweep.state()
    is_killed = state.status == "RUNNING" and not is_locked(sweep.folder)
    return replace(state, status="KILLED") if is_killed else state


def _state_tag_value(state: SweepState, runs: int) -> str:
    return f"{state.status} {state.when} {runs} runs"


def _records(sweep: SweepRecord) -> list[str]:
    """The ids of the records of the jobs' runs that were started."""
    return sorted({job.record for job in sweep.jobs() if job.record is not None})


def _adopt_children(client: "MlflowClient", run_id: str, sweep: SweepRecord) -> "dict[str, Run]":
    """Make the jobs' runs children of the sweep's run, unless they have another parent.

    Returns:
        The MLflow runs by the ids of their records; runs that are not in MLflow yet are left out.
    """
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    children: dict[str, Run] = {}
    for record in _records(sweep):
        child = find_run(client, record)
        if child is not None:
            children[record] = child
            client.set_tag(child.info.run_id, membership_tag(sweep), "true")
            if MLFLOW_PARENT_RUN_ID not in child.data.tags:
                client.set_tag(child.info.run_id, MLFLOW_PARENT_RUN_ID, run_id)
    return children


def membership_tag(sweep: SweepRecord) -> str:
    """The tag of each run that belongs to a sweep, of which it may not be a child: a run has one parent only."""
    return f"{SWEEP_OF}.{sweep.header.id[:16]}"


def _close(
    client: "MlflowClient", run: "Run", sweep: SweepRecord, state: SweepState, children: "dict[str, Run]"
) -> None:
    """Log the metrics, the table and the pictures of a sweep that has ended, and set its status."""
    from mlflow.entities import Metric
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

    run_id = run.info.run_id
    client.log_batch(run_id, [Metric(key, value, state.when, 0) for key, value in state.metrics.items()])
    if state.best is not None and state.best_record is not None:
        client.set_tag(run_id, "descent.best", state.best)
        best = children.get(state.best_record) or find_run(client, state.best_record)
        if best is not None:
            client.set_tag(run_id, "descent.best_run_id", best.info.run_id)
    for path in artifact_files(sweep.files):
        client.log_artifact(run_id, str(path), path.parent.relative_to(sweep.folder).as_posix())
    _log_tables(client, run_id, [sweep.views / name for name in (RUNS, GROUPS, SENSITIVITY, RANKS)])
    log_views(client, run, sweep.views)
    links = [_save_view(client, run, sweep, state, children)] if children else _sweeps_below(client, run_id)
    if note := "\n\n".join([*map(as_text, state.conclusions), *links]):
        client.set_tag(run_id, MLFLOW_RUN_NOTE, note)
    client.set_tag(run_id, RESULT_TAG, state.status.lower())
    client.set_terminated(run_id, state.status, state.when)


def _sweeps_below(client: "MlflowClient", run_id: str) -> list[str]:
    """Links to the sweeps of a benchmark, which are in the experiments of their problems."""
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    below = client.search_runs(
        experiments, f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}'", order_by=["attributes.start_time ASC"]
    )
    return [
        f"[{as_text(sweep.info.run_name)}](#/experiments/{sweep.info.experiment_id}/runs/{sweep.info.run_id})"
        for sweep in below
    ]


def _save_view(
    client: "MlflowClient", run: "Run", sweep: SweepRecord, state: SweepState, children: "dict[str, Run]"
) -> str:
    """Save a view of the runs; return links to it for the sweep's description."""
    metrics = {metric for child in children.values() for metric in child.data.metrics}
    best = [name.removeprefix(BEST) for name in state.metrics if name.startswith(BEST)]
    objective = sweep.objective()
    if [objective.metric] != best:  # losses, and steps to a target
        objective = Criterion(next(iter(best), TRAIN_LOSS), "minimize")
    which = f"tags.`{membership_tag(sweep)}` = 'true'"
    value = view_tag_value(sweep.header.name, state.when, which, sweep.swept, metrics, objective)
    experiment, key = run.info.experiment_id, sweep.header.id[:16]
    client.set_experiment_tag(experiment, VIEW_TAG + key, value)
    address = view_address(experiment, key)
    return f"Its runs: [table]({address}), [curves and pictures]({address}&compareRunsMode=CHART)"


def _log_tables(client: "MlflowClient", run_id: str, paths: Sequence[Path]) -> None:
    """Log tables in MLflow's own format, which its UI shows; `log_table` would append to rows of an earlier sync."""
    from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

    logged = []
    for path in paths:
        if not path.exists():
            continue
        with path.open(newline="", encoding="utf-8") as file:
            columns, *data = csv.reader(file)
        # The UI shows a column as empty if its name has a dot.
        short = [name.rpartition(".")[2] for name in columns]
        names = short if len(set(short)) == len(short) else [name.replace(".", "_") for name in columns]
        client.log_text(run_id, json.dumps({"columns": names, "data": data}), f"{path.stem}.json")
        logged.append({"path": f"{path.stem}.json", "type": "table"})
    if logged:
        client.set_tag(run_id, MLFLOW_LOGGED_ARTIFACTS, json.dumps(logged))
