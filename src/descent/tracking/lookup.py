"""Finds the MLflow runs of run records."""

from collections.abc import Sequence

from descent.tracking.sqlite_store import sqlite_path
from descent.tracking.store import as_user_errors, connect
from descent.tracking.sync import RECORD_TAG


def mlflow_run_ids(uri: str, records: Sequence[str]) -> dict[str, str]:
    """The ids of the MLflow runs in a store, by the ids of their records; records without a run are left out.

    Raises:
        UserError: if the store does not answer.
    """
    path = sqlite_path(uri)
    if path is not None and not path.exists():  # connecting would create it
        return {}
    client = connect(uri)
    with as_user_errors(uri):
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        # One search for each: MLflow has no IN for tags, and a store may have ten thousand runs.
        matches = {
            record: client.search_runs(experiments, f"tags.`{RECORD_TAG}` = '{record}'", max_results=1)
            for record in records
        }
    return {record: str(runs[0].info.run_id) for record, runs in matches.items() if runs}
