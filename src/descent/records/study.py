"""An Optuna study in a file of the sweep's record, which an interrupted search continues."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, flag_override
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from descent.records.folder import write_atomically


class StudyFile(InMemoryStorage):
    """Optuna's in-memory storage for one study, saved to a file at every change of a trial.

    (Optuna 2 can't keep a study in a database with SQLAlchemy 2, which MLflow requires.)

    Args:
        path: of the file; its trials are loaded, and those that did not complete are queued again.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = Path(path)

    def set_study_directions(self, study_id: int, directions: Sequence[StudyDirection]) -> None:
        """Set the directions, which trials need, and load the trials."""
        super().set_study_directions(study_id, directions)
        for trial in read_trials(self.path):
            super().create_new_trial(study_id, trial)

    def set_trial_param(self, trial_id: int, param_name: str, value: float, distribution: BaseDistribution) -> None:
        """Set a parameter, and save the study."""
        super().set_trial_param(trial_id, param_name, value, distribution)
        self._write(trial_id)

    def set_trial_state(self, trial_id: int, state: TrialState) -> bool:
        """Set the state of a trial, and save the study."""
        is_set = super().set_trial_state(trial_id, state)
        self._write(trial_id)
        return is_set

    def _write(self, trial_id: int) -> None:
        trials = self.get_all_trials(self.get_study_id_from_trial_id(trial_id), deepcopy=False)
        write_atomically(self.path, json.dumps([_as_json(trial) for trial in trials], indent=2) + "\n")


def read_trials(path: Path) -> list[FrozenTrial]:
    """The trials in a study's file, complete ones and ones to be repeated; none if there is no file."""
    trials = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [_from_json(trial) for trial in trials]


def _as_json(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "state": trial.state.name,
        "values": trial.values,
        "params": trial.params or trial.system_attrs.get("fixed_params", {}),
        "distributions": {
            name: distribution_to_json(distribution) for name, distribution in trial.distributions.items()
        },
    }


def _from_json(trial: dict[str, Any]) -> FrozenTrial:
    if trial["state"] == "COMPLETE":
        distributions = {name: json_to_distribution(text) for name, text in trial["distributions"].items()}
        return _trial(TrialState.COMPLETE, values=trial["values"], params=trial["params"], distributions=distributions)
    return _trial(TrialState.WAITING, system_attrs={"fixed_params": trial["params"]})


def _trial(state: TrialState, **fields: Any) -> FrozenTrial:
    defaults: dict[str, Any] = {"values": None, "params": {}, "distributions": {}, "system_attrs": {}}
    return FrozenTrial(
        number=-1,  # the storage assigns the number
        trial_id=-1,
        state=state,
        value=None,
        datetime_start=None,
        datetime_complete=None,
        user_attrs={},
        intermediate_values={},
        **{**defaults, **fields},
    )


class RemainingTrials(Callback):
    """Reduces the number of trials of a search by those that the study has completed already."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Set the sweeper's number of trials to the remaining one, and its sampler's seed to an unused one."""
        logging.getLogger("optuna").setLevel(logging.ERROR)
        trials = read_trials(self.path)
        sweeper = config.hydra.sweeper
        with flag_override(config.hydra, "readonly", False):
            sweeper.n_trials = max(0, sweeper.n_trials - sum(trial.state == TrialState.COMPLETE for trial in trials))
            sweeper.sampler.seed += len(trials)
