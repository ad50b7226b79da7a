"""Which MLflow runs are the view of which run records."""

from collections.abc import Sequence

from descent.tracking.store import as_user_errors, connect, database
from descent.tracking.sync import RECORD_ID


def run_ids(uri: str, records: Sequence[str]) -> dict[str, str]:
    """From the ids of run records to those of their MLflow runs, for those that the store has.

    Raises:
        UserError: for a store that does not answer.
    """
    path = database(uri)
    if path is not None and not path.exists():  # or a look would make it
        return {}
    client = connect(uri)
    with as_user_errors(uri):
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        # One by one: MLflow finds no tag IN a list, and all runs of a store may be ten thousand.
        found = {
            record: client.search_runs(experiments, f"tags.`{RECORD_ID}` = '{record}'", max_results=1)
            for record in records
        }
    return {record: str(runs[0].info.run_id) for record, runs in found.items() if runs}
