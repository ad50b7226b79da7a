"""An Optuna study in a file of the sweep's folder, which goes on where it stood, however it was ended."""

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

from descent.records.folder import write_whole


class StudyFile(InMemoryStorage):
    """Optuna's storage in memory for one study, written to a file at every change of a trial.

    (Optuna 2 can't keep a study in a database with SQLAlchemy 2, which MLflow brings along.)

    Args:
        path: of the file; what stands in it already is taken up. Trials that came to no end are to be tried again.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = Path(path)

    def set_study_directions(self, study_id: int, directions: Sequence[StudyDirection]) -> None:
        """Set the directions, without which trials can't be told good from bad, and take up the trials."""
        super().set_study_directions(study_id, directions)
        for trial in trials_in(self.path):
            super().create_new_trial(study_id, trial)

    def set_trial_param(self, trial_id: int, param_name: str, value: float, distribution: BaseDistribution) -> None:
        """Set it and write it down."""
        super().set_trial_param(trial_id, param_name, value, distribution)
        self._write(trial_id)

    def set_trial_state(self, trial_id: int, state: TrialState) -> bool:
        """Set it and write it down."""
        is_set = super().set_trial_state(trial_id, state)
        self._write(trial_id)
        return is_set

    def _write(self, trial_id: int) -> None:
        trials = self.get_all_trials(self.get_study_id_from_trial_id(trial_id), deepcopy=False)
        write_whole(self.path, json.dumps([_as_json(trial) for trial in trials], indent=2) + "\n")


def trials_in(path: Path) -> list[FrozenTrial]:
    """The trials in a study's file: those complete, and those to be tried again; none where there is no file."""
    texts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [_from_json(text) for text in texts]


def _as_json(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "state": trial.state.name,
        "values": trial.values,
        "params": trial.params or trial.system_attrs.get("fixed_params", {}),
        "distributions": {name: distribution_to_json(one) for name, one in trial.distributions.items()},
    }


def _from_json(text: dict[str, Any]) -> FrozenTrial:
    if text["state"] == "COMPLETE":
        distributions = {name: json_to_distribution(one) for name, one in text["distributions"].items()}
        return _trial(TrialState.COMPLETE, values=text["values"], params=text["params"], distributions=distributions)
    return _trial(TrialState.WAITING, system_attrs={"fixed_params": text["params"]})


def _trial(state: TrialState, **known: Any) -> FrozenTrial:
    nothing: dict[str, Any] = {"values": None, "params": {}, "distributions": {}, "system_attrs": {}}
    return FrozenTrial(
        number=-1,  # the storage gives it its number
        trial_id=-1,
        state=state,
        value=None,
        datetime_start=None,
        datetime_complete=None,
        user_attrs={},
        intermediate_values={},
        **{**nothing, **known},
    )


class GoOn(Callback):
    """Makes a search do what is left of it: its number of trials counts those of earlier times."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Set the sweeper's number of trials to what is left of it, and its sampler's seed to one not used yet."""
        logging.getLogger("optuna").setLevel(logging.ERROR)
        trials = trials_in(self.path)
        sweeper = config.hydra.sweeper
        with flag_override(config.hydra, "readonly", False):
            sweeper.n_trials = max(0, sweeper.n_trials - sum(trial.state == TrialState.COMPLETE for trial in trials))
            sweeper.sampler.seed += len(trials)
