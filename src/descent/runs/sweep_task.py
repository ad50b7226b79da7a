"""The task that Hydra's launchers call for each job of a sweep."""

import os
import sys
from contextlib import ExitStack
from multiprocessing import parent_process
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from descent.core.config import SweepConfig, Tracking
from descent.core.own_modules import search_project
from descent.records.folder import RECORD
from descent.records.listener import NullListener, RecordListener
from descent.records.sweep import SWEEP, SweepRecord
from descent.runs.ending import print_ending
from descent.runs.identity import RunResult
from descent.runs.job import OpenJob, open_job, sweep_job_request
from descent.runs.parent_watch import end_with
from descent.runs.request import hydra_request
from descent.runs.syncing import background_sync


class SweepTask:
    """The task that Hydra calls for each job of a sweep, in any process and on any machine."""

    def __init__(self) -> None:
        self.sweep_process = os.getpid()

    def __call__(self, composed: DictConfig) -> float | None:
        """Train the job's run alone; return the value of the objective."""
        with self.open(composed) as job:
            job.train()
        return job.value

    def open(self, composed: DictConfig) -> OpenJob:
        """The job, as a context in which its run is trained."""
        parent = parent_process()
        if parent is not None and parent.pid == self.sweep_process:  # as in joblib's; not on clusters
            end_with(self.sweep_process)
        hydra = HydraConfig.get()
        runtime = OmegaConf.to_container(hydra.runtime)  # in which a ${ of the folder is none of OmegaConf's
        assert isinstance(runtime, dict)
        if Path(runtime["cwd"]).is_dir():
            os.chdir(runtime["cwd"])  # the node of a cluster starts jobs in its own working directory
        search_project()  # a process of joblib's may have run jobs of another project before
        folder = Path(hydra.sweep.dir)
        if (folder / RECORD / SWEEP).exists():
            return open_job(composed, SweepRecord(folder), hydra_request())
        request = sweep_job_request(hydra_request())
        return OpenJob(composed, request, RemoteJobListener(request.name or "job", SweepConfig.of(composed).tracking))


class RemoteJobListener:
    """Syncs the run of a job on a machine that can't see the sweep's folder, and prints how it ended."""

    def __init__(self, name: str, tracking: Tracking) -> None:
        self.name, self.tracking = name, tracking
        self.until_synced = ExitStack()
        self.listener: RecordListener = NullListener()

    def begin(self) -> None:
        """Start the worker that draws the run and syncs it."""
        self.listener = self.until_synced.enter_context(background_sync(self.tracking))

    def on_progress(self, folder: Path) -> None:
        """Sync new rows."""
        self.listener.on_progress(folder)

    def on_complete(self, folder: Path) -> None:
        """Sync the complete record."""
        self.listener.on_complete(folder)

    def fail(self, reason: str, is_users: bool) -> None:
        """Print the reason, and wait until the record is synced."""
        print(f"failed: {self.name}: {reason}", file=sys.stderr)
        self.until_synced.close()

    def end(self, result: RunResult) -> None:
        """Wait until the record is synced, and print how the run ended."""
        self.until_synced.close()
        print_ending(self.name, result)
