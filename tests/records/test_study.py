import math
from pathlib import Path

import optuna
import pytest
from multirun import common
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, LogUniformDistribution
from optuna.trial import TrialState

from descent.records.study import RemainingTrials, StudyFile

SPACE = {"optimizer.lr": LogUniformDistribution(1e-5, 1.0), "optimizer": CategoricalDistribution(["sgd", "adam"])}


def study_in(path: Path, seed: int = 0) -> optuna.Study:
    """Open the study in a file, as a new process does."""
    sampler = optuna.samplers.TPESampler(seed=seed)
    return optuna.create_study(StudyFile(str(path)), sampler, study_name="train", load_if_exists=True)


def ask(study: optuna.Study) -> optuna.Trial:
    trial = study.ask()
    for name, distribution in SPACE.items():
        trial._suggest(name, distribution)
    return trial


def test_a_study_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    first = study_in(path)
    for value in (3.0, math.inf, 1.0):
        first.tell(ask(first), value)
    continued = study_in(path)
    assert [(trial.params, trial.values) for trial in continued.trials] == [
        (trial.params, trial.values) for trial in first.trials
    ]
    assert continued.best_value == 1.0
    # Its sampler knows the trials: it samples the same as that of the uninterrupted study.
    for study in (first, continued):
        study.sampler = optuna.samplers.TPESampler(seed=7, n_startup_trials=1)
    assert ask(first).params == ask(continued).params


def test_only_trials_that_did_not_complete_are_repeated(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    first = study_in(path)
    first.tell(ask(first), 1.0)
    failed = ask(first)
    first.tell(failed, state=TrialState.FAIL)
    running = ask(first)
    for _ in range(2):  # interrupted again before the first trial
        continued = study_in(path, seed=1)
    assert ask(continued).params == failed.params
    continued = study_in(path, seed=2)  # interrupted once more, after the first trial
    params = [ask(continued).params for _ in range(3)]
    assert params[:2] == [failed.params, running.params]
    assert params[2] not in [trial.params for trial in first.trials]


@pytest.mark.parametrize(("complete", "remaining"), [(0, 20), (3, 17), (20, 0), (25, 0)])
def test_a_continued_search_runs_only_the_remaining_trials(
    project: Path, tmp_path: Path, complete: int, remaining: int
) -> None:
    path = tmp_path / "study.json"
    study = study_in(path)
    for _ in range(complete):
        study.tell(ask(study), 1.0)
    running = ask(study)
    assert running.number == complete
    config = common(project, "problem=bowl", "sweep=optuna")
    OmegaConf.set_readonly(config.hydra, True)
    RemainingTrials(str(path)).on_multirun_start(config)
    assert config.hydra.sweeper.n_trials == remaining
    assert config.hydra.sweeper.sampler.seed == complete + 1
    assert OmegaConf.is_readonly(config.hydra)
