"""Hydra's sweeper `search`: a search by Optuna, whose study is in a journal that other processes can read.

hydra-optuna-sweeper 1.3 holds Optuna at version 2, of 2021, and 1.4 is a release candidate that needs one of Hydra's.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Transformer
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from descent.errors import UserError
from descent.runs.overrides import parsed
from descent.runs.trial import TRIAL, opened_study

SAMPLER = {"_target_": "optuna.samplers.TPESampler", "_partial_": True}
"""Tree-structured Parzen estimators."""


@dataclass
class SearchSweeperConf:
    """Its configuration, as `SearchSweeper` takes it."""

    _target_: str = "hydra_plugins.descent_search_sweeper.search_sweeper.SearchSweeper"
    direction: str = "minimize"
    n_trials: int = 20
    n_jobs: int = 1
    sampler: dict[str, Any] = field(default_factory=lambda: SAMPLER | {"seed": 0})
    storage: str = "${hydra.sweep.dir}/study.log"
    params: dict[str, str] | None = field(default_factory=dict)
    pruner: Any = None


ConfigStore.instance().store(group="hydra/sweeper", name="search", node=SearchSweeperConf, provider="descent")


class SearchSweeper(Sweeper):
    """Asks Optuna for trials, launches them as jobs, and tells it their values.

    Trials that an earlier process did not complete are repeated first. A failed trial does not stop the search.

    Args:
        direction: whether lower values are better (`minimize`) or higher ones (`maximize`).
        n_trials: the number of trials of the whole study, those of earlier processes included.
        n_jobs: trials that are asked for and launched at once; the launcher `fused` trains them as a batch.
        sampler: makes Optuna's sampler; to its `seed`, if it has one, the number of trials so far is added.
        storage: the file of the study, in the format of Optuna's `JournalFileBackend`.
        pruner: Optuna's, which ends runs on their way; None for none.
        params: overrides, which those of the command line replace; one with several values or an interval is searched.
    """

    def __init__(
        self,
        direction: str,
        n_trials: int,
        n_jobs: int,
        sampler: Callable[..., Any],
        storage: str,
        params: DictConfig | None,
        pruner: Any = None,
    ) -> None:
        self.direction: Any = direction
        self.n_trials, self.n_jobs = n_trials, n_jobs
        self.sampler, self.storage, self.pruner = sampler, Path(storage), pruner
        self.params: dict[str, str] = {str(key): str(values) for key, values in (params or {}).items()}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher."""
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> None:
        """Launch the trials that the study lacks."""
        from optuna.trial import TrialState

        assert self.launcher is not None
        assert self.config is not None
        if self.pruner is not None and "Fused" in self.config.hydra.launcher._target_:
            raise UserError("hydra.sweeper.pruner takes trials that run alone; use halving, or another hydra/launcher")
        words = {word.partition("=")[0]: word for word in [f"{key}={value}" for key, value in self.params.items()]}
        words |= {override.get_key_element(): override.input_line or "" for override in parsed(arguments)}
        overrides = parsed(list(words.values()))
        searched = [override for override in overrides if override.is_sweep_override()]
        space = {override.get_key_element(): distribution(override) for override in searched}
        fixed = [override.input_line or "" for override in overrides if override not in searched]
        study = self._study()
        complete = len(study.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED]))
        launched = 0
        for count in batch_sizes(max(0, self.n_trials - complete), self.n_jobs):
            trials = [study.ask(space) for _ in range(count)]
            jobs = [[*fixed, *self._overrides(trial)] for trial in trials]
            returns = self.launcher.launch(jobs, initial_job_idx=launched)
            launched += count
            for trial, job in zip(trials, returns, strict=True):
                value = job.return_value
                if value is None or math.isnan(value):
                    study.tell(trial, state=TrialState.FAIL if value is None else TrialState.PRUNED)
                else:
                    study.tell(trial, value)

    def _overrides(self, trial: Any) -> list[str]:
        """The overrides of a trial's job."""
        pruned = [] if self.pruner is None else [f"+hydra.job.env_set.{TRIAL}='{trial.number}'"]
        return [*(f"{name}={value}" for name, value in trial.params.items()), *pruned]

    def _study(self) -> Any:
        """The study in the file, with the trials queued that an earlier process did not complete."""
        from optuna.trial import TrialState

        self.storage.parent.mkdir(parents=True, exist_ok=True)
        study = opened_study(str(self.storage), direction=self.direction)
        for trial in study.get_trials(states=[TrialState.RUNNING]):
            study.tell(trial.number, state=TrialState.FAIL)
        failed = study.get_trials(states=[TrialState.FAIL])
        others = study.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED, TrialState.WAITING])
        known = [trial.params or trial.system_attrs.get("fixed_params") for trial in others]
        for trial in failed:
            if trial.params not in known:
                study.enqueue_trial(trial.params)
                known.append(trial.params)
        seed = getattr(self.sampler, "keywords", {}).get("seed")
        study.sampler = self.sampler(**({} if seed is None else {"seed": seed + len(study.trials)}))
        return study


def batch_sizes(count: int, size: int) -> Iterator[int]:
    """The sizes of batches of so many things."""
    return (min(size, count - first) for first in range(0, count, size))


def distribution(override: Override) -> Any:
    """The values of an override, as Optuna draws from them.

    Raises:
        UserError: for values that it can't draw from.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value = override.value()
    if isinstance(value, IntervalSweep):
        low: Any = value.start
        high: Any = value.end
        kind: Any = IntDistribution if isinstance(low, int) and isinstance(high, int) else FloatDistribution
        return kind(low, high, log="log" in value.tags)
    if isinstance(value, RangeSweep) and not value.shuffle:
        numbers: list[Any] = list(value.range())
        if all(isinstance(number, int) for number in numbers):
            return IntDistribution(numbers[0], numbers[-1], step=int(value.step))
        return FloatDistribution(numbers[0], numbers[-1], step=value.step)
    if isinstance(value, ChoiceSweep | RangeSweep):
        choices: list[Any] = list(override.sweep_iterator(transformer=Transformer.encode))
        return CategoricalDistribution(choices)
    raise UserError(f"{override.input_line}: a search takes values, range(...) or interval(...)")
