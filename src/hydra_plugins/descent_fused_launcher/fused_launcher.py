"""Hydra's launcher `fused`: runs jobs in this process, and trains their runs as batches where that is possible."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn


@dataclass
class FusedLauncherConf:
    """Its configuration, which has no settings."""

    _target_: str = "hydra_plugins.descent_fused_launcher.fused_launcher.FusedLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="fused", node=FusedLauncherConf, provider="descent")


@runtime_checkable
class OpeningTask(Protocol):
    """A task whose jobs can be opened, all trained at once, and closed (`descent.runs.sweep_task.SweepTask`)."""

    def open(self, composed: Any) -> AbstractContextManager[Any]:
        """The context of a job, with the `run` to train, and its `value` once it is closed."""


class FusedLauncher(BasicLauncher):
    """Opens every job as the basic launcher would run it, trains the runs of all, and closes the jobs in order.

    A task whose jobs can't be opened runs as the basic launcher would run it.
    """

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; their returns, in order."""
        task: Any = self.task_function
        original = self.task_function
        if not isinstance(task, OpeningTask):
            return super().launch(job_overrides, initial_job_idx)
        jobs: list[Any] = []
        with ExitStack() as until_launched:

            def open_job(composed: Any) -> Any:
                jobs.append(until_launched.enter_context(task.open(composed)))
                return jobs[-1]

            self.task_function = open_job
            try:
                returns = super().launch(job_overrides, initial_job_idx)
            finally:
                self.task_function = original
            until_launched.pop_all()
        with ExitStack() as until_trained:
            for job in reversed(jobs):
                until_trained.push(job)  # so that the first is closed first
            runs = [job.run for job in jobs if job.run is not None]
            if runs:
                from descent.runs.train import train_runs  # PyTorch takes seconds to import

                train_runs(runs)
        for job_return in returns:
            if job_return._return_value in jobs:
                job_return.return_value = job_return.return_value.value
        return returns
