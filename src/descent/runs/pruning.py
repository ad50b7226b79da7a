"""Pruning of a search's trials: a run ends where Optuna's pruner says that others were better on their way."""

import math
import os
from collections.abc import Mapping

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate

from descent.core.training.training_run import TrainingRun
from descent.records.criterion import Criterion
from descent.runs.trial import TRIAL, opened_study


class TrialPruning:
    """Reports the evaluations of a trial's run to its study, and has the run leave where the pruner says so."""

    def __init__(self, criterion: Criterion) -> None:
        from optuna.trial import Trial

        sweeper = HydraConfig.get().sweeper
        study = opened_study(sweeper.storage, direction=criterion.direction, pruner=instantiate(sweeper.pruner))
        self.criterion = criterion
        trial = study.trials[int(os.environ[TRIAL])]
        self.reported = set(trial.intermediate_values)  # by a process that was interrupted
        self.trial = Trial(study, trial._trial_id)

    def __call__(self, evaluated: Mapping[TrainingRun, Mapping[str, float]]) -> list[TrainingRun]:
        """The run, if it is to leave."""
        leaving = []
        for run, metrics in evaluated.items():
            value, step = metrics.get(self.criterion.metric, math.nan), run.state.steps_taken
            if math.isfinite(value) and step not in self.reported:
                self.trial.report(value, step)
            if self.trial.should_prune():
                run.state.stopped = True
                leaving.append(run)
        return leaving
