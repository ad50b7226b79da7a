"""The study of a search, and the trial whose job a process runs; does not import PyTorch."""

import os
from typing import Any

TRIAL = "DESCENT_TRIAL"
"""The environment variable that holds the number of the trial whose job is run, if trials are pruned."""
STUDY = "search"
"""The name of the study in its journal."""


def may_be_pruned() -> bool:
    """Whether the job that this process runs is a trial that may be pruned."""
    return TRIAL in os.environ


def opened_study(storage: str, **settings: Any) -> Any:
    """The study in a journal, new if there is none."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = JournalStorage(JournalFileBackend(storage))
    return optuna.create_study(storage=journal, study_name=STUDY, load_if_exists=True, **settings)
