"""Hydra's launcher `fused`: runs jobs in this process, and trains their runs as batches where that is possible."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn

from descent.runs.job_bar import job_bar


@dataclass
class FusedLauncherConf:
    """Its configuration, which has no settings."""

    _target_: str = "hydra_plugins.descent_fused_launcher.fused_launcher.FusedLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="fused", node=FusedLauncherConf, provider="descent")
MAX_OPEN = 500
"""The most jobs that are open at once: each holds a lock, and many a process may have 1,024 files open."""


@runtime_checkable
class OpeningTask(Protocol):
    """A task whose jobs can be opened, all trained at once, and closed (`descent.runs.sweep_task.SweepTask`)."""

    def open(self, composed: Any) -> AbstractContextManager[Any]:
        """The context of a job, with the `run` to train, and its `value` once it is closed."""


class FusedLauncher(BasicLauncher):
    """Opens jobs as the basic launcher would run them, trains the runs of all, and closes the jobs in order.

    Of more than `MAX_OPEN` jobs, the first are trained and closed before the next are opened, unless their runs are to
    be halved, which compares all of them. A task whose jobs can't be opened runs as the basic launcher would run it.
    """

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; their returns, in order."""
        task: Any = self.task_function
        if not isinstance(task, OpeningTask):
            return super().launch(job_overrides, initial_job_idx)
        returns: list[JobReturn] = []
        while len(returns) < len(job_overrides):
            returns += self._launch_from(len(returns), job_overrides, initial_job_idx)
        return returns

    def _launch_from(
        self, first: int, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run as many jobs as may be open at once, from one on; their returns, in order."""
        task: Any = self.task_function
        jobs: list[Any] = []
        returns: list[JobReturn] = []
        with ExitStack() as until_launched:

            def open_job(composed: Any) -> Any:
                jobs.append(until_launched.enter_context(task.open(composed)))
                return jobs[-1]

            self.task_function = open_job
            try:
                with job_bar(desc="jobs opened", initial=first, total=len(job_overrides)) as bar:
                    for number, overrides in enumerate(job_overrides[first:], start=first):
                        returns += super().launch([overrides], initial_job_idx + number)
                        bar.update()
                        if len(returns) >= MAX_OPEN and not any(is_halved(job) for job in jobs):
                            break
            finally:
                self.task_function = task
            until_launched.pop_all()
        with ExitStack() as until_trained:
            for job in reversed(jobs):
                until_trained.push(job)  # so that the first is closed first
            runs = [job.run for job in jobs if job.run is not None]
            if runs:
                from descent.runs.train import train_runs  # PyTorch takes seconds to import

                train_runs(runs)
        opened = set(jobs)
        for job_return in returns:
            job_return.cfg = job_return.hydra_cfg = None  # which would be gigabytes of thousands of jobs
            if job_return._return_value in opened:
                job_return.return_value = job_return.return_value.value
        return returns


def is_halved(job: Any) -> bool:
    """Whether others of its sweep may end the run of a job."""
    return job.run is not None and job.run.config.halving is not None
