"""Selects the runs to compare: by folder, by MLflow run id, by key, or by an MLflow filter."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from descent.errors import UserError
from descent.project import project_root
from descent.records.folder import RECORD
from descent.records.run import HEADER, RunRecord, run_folders
from descent.records.sweep import SWEEP, SweepRecord, sweep_folders
from descent.tracking.store import as_user_errors, connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ID, KEY = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{8,64}")
MAX_RUNS = 10_000
"""The most runs that one search of MLflow returns."""


def select_runs(selectors: Sequence[str], uri: str) -> list[RunRecord]:
    """The records of the selected runs, without duplicates, in the order of the selectors; a sweep selects its runs.

    Args:
        selectors: each the folder of a run or a sweep, an MLflow run id, the beginning of a key (at least 8 digits) or
            an MLflow filter string.
        uri: the MLflow store to search for selectors that are not folders.

    Raises:
        UserError: if a selector matches no run, or the store does not answer.
    """
    selected: dict[str, RunRecord] = {}
    for selector in selectors:
        matches = list(_in_folder(Path(selector)) if Path(selector).is_dir() else _in_mlflow(selector, uri))
        if not matches:
            raise UserError(
                f"{selector}: no run matches; name a folder under runs or sweeps, an MLflow run id, "
                "a run's key or an MLflow filter such as \"params.optimizer = 'adam'\""
            )
        selected |= {record.header.id: record for record in matches}
    return list(selected.values())


def find_record(selector: str, uri: str) -> Path:
    """The folder of the one record, of a run or of a sweep, that is selected.

    Args:
        selector: the folder, the beginning of a key (at least 8 digits) or an MLflow run id.
        uri: the MLflow store to search for an id, and for a key of which the project has no record.

    Raises:
        UserError: if none or several match, or the store does not answer.
    """
    folder = Path(selector)
    if folder.is_dir():
        if _is_record(folder):
            return folder
        raise UserError(f"{selector} holds no record of a run or a sweep; name the folder of one")
    folders = _of_key(selector) if KEY.fullmatch(selector) else []
    if not folders and KEY.fullmatch(selector):
        folders = _of_id(selector, uri)
    if len(folders) == 1:
        return folders[0]
    found = f"{len(folders)} match ({', '.join(map(os.path.relpath, folders))})" if folders else "no record does"
    raise UserError(f"{selector}: {found}; name the folder of a run or a sweep, its key or its MLflow run id")


def _is_record(folder: Path) -> bool:
    return any((folder / RECORD / header).exists() for header in (HEADER, SWEEP))


def _of_key(key: str) -> list[Path]:
    """The folders of the project's records whose key begins so."""
    folders = [project_root() / name for name in ("runs", "sweeps", "suites", "comparisons")]
    runs = [folder for folder in run_folders(folders) if RunRecord(folder).header.key.startswith(key)]
    return runs + [folder for folder in sweep_folders(folders) if SweepRecord(folder).header.id.startswith(key)]


def _of_id(selector: str, uri: str) -> list[Path]:
    """The folders of the records of the MLflow runs that a key or an id selects: in the project, else of artifacts."""
    client = connect(uri)
    with as_user_errors(uri):
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        matches = _matches(client, experiments, selector)
        records = [Path(client.download_artifacts(match.info.run_id, "")) for match in matches]
    keys = {folder: _key(folder) for folder in records if _is_record(folder)}
    return [next(iter(_of_key(key)), folder) for folder, key in keys.items()]


def _key(folder: Path) -> str:
    """The key of the record in a folder."""
    return RunRecord(folder).header.key if (folder / RECORD / HEADER).exists() else SweepRecord(folder).header.id


def _in_folder(folder: Path) -> Iterable[RunRecord]:
    for run_folder in run_folders([folder]):
        yield RunRecord(run_folder)
    for sweep_folder in sweep_folders([folder]):
        yield from SweepRecord(sweep_folder).runs()


def _in_mlflow(selector: str, uri: str) -> Iterable[RunRecord]:
    client = connect(uri)
    with as_user_errors(uri):
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        for match in _matches(client, experiments, selector):
            parent = f"tags.mlflow.parentRunId = '{match.info.run_id}'"
            children = client.search_runs(experiments, parent, max_results=MAX_RUNS)
            for run in children or [match]:
                folder = Path(client.download_artifacts(run.info.run_id, ""))
                if (folder / RECORD / HEADER).exists():
                    yield RunRecord(folder)


def _matches(client: "MlflowClient", experiments: list[str], selector: str) -> "Sequence[Run]":
    """The MLflow runs that a selector matches: by key, by id, else by filter."""
    if KEY.fullmatch(selector):
        by_key = client.search_runs(experiments, f"tags.`descent.key` LIKE '{selector}%'", max_results=MAX_RUNS)
        by_id = f"attributes.run_id = '{selector}'"
        return by_key or (client.search_runs(experiments, by_id, max_results=1) if ID.fullmatch(selector) else [])
    return client.search_runs(experiments, selector, max_results=MAX_RUNS)
