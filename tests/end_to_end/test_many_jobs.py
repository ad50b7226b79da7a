"""Sweeps of so many jobs that what each of them costs counts, and what only the first waits for."""

import io
import resource
import sys
from functools import partial
from pathlib import Path

import pytest
from end_to_end.commands import started
from hydra.core.plugins import Plugins
from waiting import eventually

from descent.core.config import TrainConfig
from descent.records.listener import NullListener
from descent.records.run import STEPS
from descent.records.sweep import SweepRecord
from descent.runs.composition import CommandLine
from descent.runs.sweep import open_sweep, run_sweep
from descent.runs.sweep_identity import identity_overrides
from descent.runs.sweep_task import SweepTask
from hydra_plugins.descent_fused_launcher import fused_launcher

SURFACE = ("problem=himmelblau", "problem.start=[0.5,-1]", "tracking=none")
FUSED = (*SURFACE, "trainer.max_steps=3", "hydra/launcher=fused")


def open_at_most(jobs: int, patch: pytest.MonkeyPatch) -> None:
    """Let the launcher have so many jobs open at once."""
    Plugins.instance()  # which executes the launcher's module anew
    patch.setattr(fused_launcher, "MAX_OPEN", jobs)


class Terminal(io.StringIO):
    """A stream that is shown to a user."""

    def isatty(self) -> bool:
        return True


def swept(*words: str) -> SweepRecord:
    """The record of a sweep, once it has run."""
    line = CommandLine("train", TrainConfig, ["-m", *words])
    assert line.common is not None
    sweep = open_sweep(line.common)
    run_sweep(sweep, partial(line.sweep, SweepTask(), *identity_overrides(sweep)), NullListener())
    return sweep


def batch_sizes(sweep: SweepRecord) -> list[float]:
    """The size of the batch of each run, in the order of their names."""
    records = sorted(sweep.runs(), key=lambda record: record.header.name)
    return [record.metrics().get("runs_in_batch", 1) for record in records]


@pytest.mark.usefixtures("project")
def test_the_first_of_many_jobs_are_trained_before_the_next_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    open_at_most(3, monkeypatch)
    sweep = swept(*FUSED, "seed=range(7)")
    assert [(job.name, job.stage) for job in sweep.jobs()] == [(f"seed={seed}", "trained") for seed in range(7)]
    assert batch_sizes(sweep) == [3, 3, 3, 3, 3, 3, 1]


@pytest.mark.usefixtures("project")
def test_more_jobs_than_a_process_may_open_files_are_trained_together(monkeypatch: pytest.MonkeyPatch) -> None:
    open_at_most(8, monkeypatch)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 20, limits[1]))
    try:
        sweep = swept(*FUSED, "seed=range(32)")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert batch_sizes(sweep) == [8] * 32


@pytest.mark.usefixtures("project")
def test_many_jobs_that_are_halved_are_compared_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    open_at_most(2, monkeypatch)
    rates = "optimizer.lr=1e-5,1e-4,1e-3,1e-2"
    sweep = swept(*FUSED, rates, "trainer.max_steps=20", "halving={after: 10, keep: 0.5}")
    ends = {record.header.params["optimizer.lr"]: record.ending() for record in sweep.runs()}
    stopped = {rate for rate, ending in ends.items() if ending is not None and ending.result == "stopped"}
    assert stopped == {"1e-05", "0.0001"}


@pytest.mark.usefixtures("project")
def test_a_user_sees_how_many_jobs_are_checked_and_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("descent.runs.job_bar.DELAY", 0.0)
    shown = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", shown)
        swept(*FUSED, "seed=range(4)")
    assert "jobs checked:   0%|          | 0/4 [" in shown.getvalue()
    assert "jobs opened:   0%|          | 0/4 [" in shown.getvalue()


def test_in_a_file_there_is_no_bar(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    swept(*FUSED, "seed=range(4)")
    assert capsys.readouterr().err == ""


@pytest.mark.services
@pytest.mark.parametrize("launcher", ["basic", "fused"])
def test_of_ten_thousand_jobs_the_first_is_trained_within_minutes(project: Path, launcher: str) -> None:
    command = ("descent", "train", "-m", *SURFACE, "trainer.max_steps=2", f"hydra/launcher={launcher}")
    with started(*command, "optimizer.lr=range(0.00001,0.1,0.00001)", cwd=project):
        # 40 to 60 s where both cores are free; it was a quarter of an hour.
        assert eventually(lambda: any(project.glob(f"runs/*/record/{STEPS}")), seconds=180)
