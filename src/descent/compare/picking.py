"""The runs that somebody picks to compare: by folder, by MLflow run id, by key, or by what MLflow finds."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from descent.errors import UserError
from descent.records.folder import RECORD
from descent.records.run import HEADER, RunRecord, records
from descent.records.sweep import SweepRecord, sweeps
from descent.tracking.store import as_user_errors, connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ID, KEY = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{8,64}")
LIMIT = 10_000
"""The most runs that MLflow is asked for."""


def picked(picks: Sequence[str], uri: str) -> list[RunRecord]:
    """The records of the runs picked, each once, in the order of the picks; a sweep stands for the runs of its jobs.

    Args:
        picks: each the folder of a run or a sweep, the id of an MLflow run, the beginning of a key (8 digits at least)
            or a filter string as MLflow has it.
        uri: the MLflow store in which those are looked up that are no folders.

    Raises:
        UserError: for a pick that no run answers to, and a store that does not answer.
    """
    found: dict[str, RunRecord] = {}
    for pick in picks:
        here = list(_in_folder(Path(pick)) if Path(pick).is_dir() else _in_mlflow(pick, uri))
        if not here:
            raise UserError(
                f"{pick}: no finished run answers to it; name a folder under runs or sweeps, an MLflow run id, "
                "a run's key or an MLflow filter such as \"params.optimizer = 'adam'\""
            )
        found |= {record.header.id: record for record in here}
    return list(found.values())


def _in_folder(folder: Path) -> Iterable[RunRecord]:
    for inside in records([folder]):
        yield RunRecord(inside)
    for inside in sweeps([folder]):
        yield from SweepRecord(inside).runs()


def _in_mlflow(pick: str, uri: str) -> Iterable[RunRecord]:
    client = connect(uri)
    with as_user_errors(uri):
        everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
        for run in _answering(client, everywhere, pick):
            children = client.search_runs(
                everywhere, f"tags.mlflow.parentRunId = '{run.info.run_id}'", max_results=LIMIT
            )
            for one in children or [run]:
                folder = Path(client.download_artifacts(one.info.run_id, ""))
                if (folder / RECORD / HEADER).exists():
                    yield RunRecord(folder)


def _answering(client: "MlflowClient", everywhere: list[str], pick: str) -> "Sequence[Run]":
    """The MLflow runs that a pick means."""
    if KEY.fullmatch(pick):
        by_key = client.search_runs(everywhere, f"tags.`descent.key` LIKE '{pick}%'", max_results=LIMIT)
        by_id = f"attributes.run_id = '{pick}'"
        return by_key or (client.search_runs(everywhere, by_id, max_results=1) if ID.fullmatch(pick) else [])
    return client.search_runs(everywhere, pick, max_results=LIMIT)
