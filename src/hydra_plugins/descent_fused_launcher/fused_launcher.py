"""Hydra's launcher `fused`: jobs in this process, their runs trained together where they can be."""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn


@dataclass
class FusedLauncherConf:
    """Its configuration: it has nothing to be set."""

    _target_: str = "hydra_plugins.descent_fused_launcher.fused_launcher.FusedLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="fused", node=FusedLauncherConf, provider="descent")


class FusedLauncher(BasicLauncher):
    """Begins every job as the basic launcher does; those that come to a run's steps wait, and then take them together.

    A task says that its jobs can wait by having a `course` beside its call: what it does, as a generator that yields
    the run. Any other task runs as the basic launcher would run it.
    """

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; their returns, in order."""
        task = self.task_function
        course = getattr(task, "course", None)
        if course is None:
            return super().launch(job_overrides, initial_job_idx)
        from descent.runs.fused import Waiting, begin, go_together  # PyTorch takes seconds to import

        self.task_function = lambda config: begin(course(config))
        try:
            returns = super().launch(job_overrides, initial_job_idx)
        finally:
            self.task_function = task
        waiting = [done for done in returns if isinstance(done._return_value, Waiting)]
        values = go_together([done.return_value for done in waiting])
        for done, value in zip(waiting, values, strict=True):
            done.return_value = value
        return returns
