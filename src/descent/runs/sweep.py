"""Runs a sweep from its first job to its comparison; skips finished runs, and continues after failed jobs."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from threading import Event, Thread
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from descent.errors import UserError
from descent.project import project_root
from descent.records.folder import RECORD, now, refuse_first_version
from descent.records.listener import RecordListener
from descent.records.locks import folder_lock
from descent.records.sweep import STATE, SWEEP, JobState, SweepRecord, SweepState
from descent.runs.composition import without_hydra
from descent.runs.hydra_errors import one_line
from descent.runs.sweep_identity import header_of

if TYPE_CHECKING:
    from descent.comparisons.comparison import Comparison

SWEEPS = "sweeps"
"""The folder of sweeps, unless the command line names another; as in conf/train.yaml."""
POLL_INTERVAL = 1.0
"""Seconds between two reads of the jobs' states."""


def open_sweep(config: DictConfig) -> SweepRecord:
    """Open the record of a multirun's sweep, or create it, by the configuration that its jobs have in common.

    Raises:
        UserError: if its folder holds another sweep, and `replace` is not set.
    """
    header = header_of(config)
    chosen_folder = config.hydra.sweep.dir
    default_folder = f"{SWEEPS}/{header.name.partition(':')[0]}-{header.id[:8]}"
    folder = project_root() / (default_folder if chosen_folder == SWEEPS else chosen_folder)
    refuse_first_version(folder, SWEEP)
    if config.get("replace"):
        remove_another(folder, header.id)
    if not (folder / RECORD / SWEEP).exists():
        return SweepRecord.create(folder, header, OmegaConf.to_yaml(without_hydra(config)))
    sweep = SweepRecord(folder)
    if sweep.header.id != header.id:
        raise UserError(
            f"{folder} holds another sweep, {sweep.header.name}; remove it or choose another hydra.sweep.dir"
        )
    return sweep


def remove_another(folder: Path, identity: str) -> None:
    """Remove the folder of a sweep, with the runs in it, if it is another one than that of this id.

    Raises:
        UserError: if a process is running it.
    """
    if (folder / RECORD / SWEEP).exists() and SweepRecord(folder).header.id != identity:
        with folder_lock(folder, f"another process is running a sweep ({folder}); wait for it, or end it", wait=False):
            rmtree(folder)


def run_sweep(sweep: SweepRecord, launch: Callable[[], list[list[str]] | None], listener: RecordListener) -> None:
    """Run all jobs of a sweep, and compare their runs.

    Args:
        sweep: its record.
        launch: runs the jobs, in any processes; each job writes its state into the record. Returns the overrides of
            each job, if these are all jobs of the sweep.
        listener: is called with the folders of the runs and of the sweep when their records change.

    Raises:
        UserError: if another process is running this sweep, the launcher failed, or jobs failed; the runs of the other
            jobs are compared first.
    """
    from descent.comparisons.comparison import compare_sweep

    refusal = f"another process is running this sweep ({sweep.folder}); wait for it, or end it"
    with folder_lock(sweep.folder, refusal, wait=False):
        started = now()
        before = sweep.state() if (sweep.files / STATE).exists() else None
        sweep.write_state(SweepState("RUNNING"))
        was_finished = before is not None and before.status == "FINISHED"
        if not was_finished:  # else all jobs may be skipped
            listener.on_complete(sweep.folder)
        errors: list[str] = []
        try:
            with _watched(sweep, listener, started, is_reported=not was_finished):
                launched = launch()
            if launched is not None:
                sweep.forget_jobs(started, launched)
        except Exception as error:  # of the launcher or the sweeper; the error of a job is in its state
            errors.append(str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {one_line(error)}")
        except BaseException:
            sweep.write_state(SweepState("KILLED"))
            listener.on_complete(sweep.folder)
            raise
        jobs = [job.as_reported_since(started) for job in sweep.jobs()]
        comparison = compare_sweep(sweep)
        failed = [job for job in jobs if job.stage == "failed"]
        if failed:
            errors.insert(0, f"{len(failed)} of {len(jobs)} jobs failed; the reasons are above")
        state = comparison.state("FAILED" if errors else "FINISHED", len(failed))
        if before and replace(state, when=before.when) == before and {job.stage for job in jobs} == {"skipped"}:
            state = before  # with its time, so that MLflow needs no update
        sweep.write_state(state)
        listener.on_complete(sweep.folder)
        if jobs:
            _print_summary(sweep, jobs, comparison)
        if errors:
            raise UserError("; ".join(errors))


@contextmanager
def _watched(sweep: SweepRecord, listener: RecordListener, started: int, *, is_reported: bool) -> Iterator[None]:
    """Poll the states of the jobs during the context, and report their runs to the listener.

    A sweep that is not reported yet is reported before the first run that is not skipped.
    """
    stop = Event()
    reported = {str(sweep.folder)} if is_reported else set()

    def poll() -> None:
        for job in sweep.jobs():
            if job.when < started or job.folder is None or job.folder in reported:
                continue
            folder = project_root() / job.folder
            if job.stage != "skipped" and str(sweep.folder) not in reported:
                reported.add(str(sweep.folder))
                listener.on_complete(sweep.folder)
            if job.stage == "running":
                listener.on_progress(folder)
            else:
                reported.add(job.folder)
                listener.on_complete(folder)

    def watch() -> None:
        while not stop.wait(POLL_INTERVAL):
            poll()

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        poll()


def _print_summary(sweep: SweepRecord, jobs: list[JobState], comparison: "Comparison") -> None:
    """Print how the jobs ended, and where the comparison is."""
    stages = Counter(job.stage for job in jobs)
    for job in jobs:
        if job.stage == "failed":
            print(f"failed: {job.name}: {job.reason}", file=sys.stderr)
    where = os.path.relpath(sweep.folder)
    print(
        f"{sweep.header.name}: {len(jobs)} jobs: {stages['trained']} trained, {stages['resumed']} resumed, "
        f"{stages['skipped']} finished before, {stages['failed']} failed"
        + (f", {stages['running']} unfinished" if stages["running"] else "")
    )
    print(*comparison.conclusions, sep="\n", end="\n" if comparison.conclusions else "")
    print(f"tables {where}/views/*.csv  pictures {where}/views/*.png")
